"""The suite keeps what its scripts said, whatever becomes of them. No time is asserted."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"
sys.path.insert(0, str(BENCH))

import suite  # noqa: E402

FONTMILL = pytest.mark.skipif(not (Path(sys.executable).parent / "fontmill").exists(), reason="fontmill is not installed beside this Python")


def lines_of(code: str, limit: float = 600.0) -> tuple[list[dict], bool]:
    saved: list[list[dict]] = []
    good = suite.run("x", [sys.executable, "-c", code], limit, lambda lines: saved.append(list(lines)))
    return saved[-1] if saved else [], good


def test_a_script_that_answers_went_well() -> None:
    assert lines_of("print('{\"a\": 1}'); print('noise'); print('{\"a\": 2}')") == ([{"a": 1}, {"a": 2}], True)


def test_nothing_to_measure_is_no_failure() -> None:
    assert lines_of("print('{\"unavailable\": \"no fonts\"}'); raise SystemExit(3)") == ([{"unavailable": "no fonts"}], True)


def test_what_a_failing_script_had_answered_is_kept_and_its_failure_told() -> None:
    lines, good = lines_of("print('{\"a\": 1}'); raise SystemExit(1)")
    assert (lines, good) == ([{"a": 1}, {"question": "x", "failed": "exit status 1"}], False)


def test_a_script_that_hangs_is_ended_and_that_is_told() -> None:
    lines, good = lines_of("import time; time.sleep(3600)", limit=0.5)
    assert not good
    assert "ended after" in lines[-1]["failed"]


def test_time_is_shared_out_among_what_repeats() -> None:
    names = list(suite.SCRIPTS)
    found = suite.shares(names, 1440)
    assert sum(found.values()) == pytest.approx(1440)
    assert all(found[name] == suite.SCRIPTS[name].seconds for name in names if not suite.SCRIPTS[name].repeats)
    less = suite.shares(names, 720)
    assert all(less[name] < found[name] for name in names if suite.SCRIPTS[name].repeats)
    assert min(suite.shares(names, -5).values()) >= 1.0, "a suite that is late still runs everything once"


@FONTMILL
def test_a_suite_that_was_cut_short_is_taken_up_under_its_own_time(tmp_path: Path) -> None:
    environment = {**os.environ, "FONTMILL_BENCH_CACHE": str(tmp_path / "cache")}
    about = {"suite": "20200101T000000Z", "quick": True, "machine": {}, "load_before": 0.0}
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "unfinished-suite.json").write_text(json.dumps({"about": about, "results": str(tmp_path), "left": ["dispatch"]}))
    subprocess.run([sys.executable, str(BENCH / "suite.py"), "--continue"], capture_output=True, env=environment, check=True, timeout=900)
    (answer,) = map(json.loads, (tmp_path / "dispatch.jsonl").read_text().splitlines())
    assert answer["suite"] == about["suite"]
    assert (tmp_path / "targets.jsonl").exists()
    assert not (tmp_path / "cache" / "unfinished-suite.json").exists()
