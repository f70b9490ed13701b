"""Health and why: whoever reads the sentences knows what to do next."""

from __future__ import annotations

from typing import Any

import pytest

from fontmilld.core.diagnosis import explain, health
from fontmilld.core.lifecycle import Reason

WELL = {"workers": 2, "workers_ready": 2, "memory_share": 0.3, "memory_short": False, "dropped_replies": 0, "without_core": "", "start_trouble": ""}


def status(**changes: Any) -> dict[str, Any]:
    return {
        "session_id": "plates-1", "status": "active", "phase": "rendering", "pause_reasons": [], "reason": "",
        "processing_rate": 81.25, "bottleneck": "cpu", "failed_samples": 0, "skipped_samples": 0, **changes,
    }


def font(name: str, failed: int = 0, skipped: int = 0, reason: str = "") -> dict[str, Any]:
    return {"font_id": name, "failed_samples": failed, "skipped_samples": skipped, "reason": reason}


def test_a_daemon_with_a_session_that_a_user_paused_is_well() -> None:
    paused = status(status="paused", pause_reasons=["user"])
    assert all(check.ok for check in health(WELL, [status(), paused]))


@pytest.mark.parametrize(("daemon", "sessions", "bad"), [
    ({"workers_ready": 1}, [], "workers"), ({"memory_share": 0.97, "memory_short": True}, [], "memory"), ({"dropped_replies": 3}, [], "replies"),
    ({}, [status(status="paused", pause_reasons=["disk"])], "sessions"),
])
def test_the_check_that_fails_is_the_one_that_is_wrong(daemon: dict[str, Any], sessions: list[dict[str, Any]], bad: str) -> None:
    assert [check.name for check in health({**WELL, **daemon}, sessions) if not check.ok] == [bad]


def test_a_daemon_without_the_compiled_core_is_well_and_says_why_it_is_slow() -> None:
    told = [check for without in ("", "it was not compiled") for check in health({**WELL, "without_core": without}, []) if check.name == "core"]
    assert [(check.ok, check.detail) for check in told] == [
        (True, "the compiled core is in use"),
        (True, "drawn without the compiled core, which takes two to three times as long: it was not compiled"),
    ]


def test_a_large_machine_with_most_of_its_memory_in_use_is_well() -> None:
    (memory,) = [check for check in health({**WELL, "memory_share": 0.9}, []) if check.name == "memory"]
    assert (memory.ok, memory.detail) == (True, "90% of what fontmill may use is in use")


@pytest.mark.parametrize("reason", list(Reason))
def test_every_pause_reason_says_what_lifts_it(reason: Reason) -> None:
    (line,) = explain(status(status="paused", pause_reasons=[str(reason)]), {str(reason): "EIO at write."}, [])
    assert "goes on" in line or "resume" in line
    assert line.endswith("EIO at write.")


def test_a_running_session_names_its_bottleneck() -> None:
    lines = explain(status(), {}, [])
    assert lines == ["It runs (phase rendering), 81.2 pairs/s.", "Most of the time goes into drawing; more cores would make it faster."]


def test_a_session_that_is_being_opened_says_so() -> None:
    (line,) = explain(status(phase="preparing", processing_rate=0.0, bottleneck=""), {}, [])
    assert "being opened" in line


def test_a_cancelled_session_says_how_it_is_taken_up_again() -> None:
    (line,) = explain(status(status="failed", reason="cancelled"), {}, [])
    assert line.startswith("It has ended: cancelled. ") and "`fontmill start`" in line and "`fontmill run`" in line


def test_missing_samples_are_told_by_font_with_their_reason() -> None:
    fonts = [font("lato"), font("amiri", failed=2, reason="too long"), font("broken", skipped=40, reason="cannot be opened")]
    done = status(status="completed", failed_samples=2, skipped_samples=40)
    assert explain(done, {}, fonts) == [
        "It is complete.", "40 samples are missing, broken: cannot be opened", "2 samples are missing, amiri: too long",
    ]


def test_many_fonts_with_missing_samples_are_summed_up() -> None:
    fonts = [font(f"f{n}", skipped=1, reason="cannot be opened") for n in range(9)]
    lines = explain(status(skipped_samples=9), {}, fonts)
    assert lines[-1] == "9 samples of 9 fonts are missing in all; `fontmill fonts` names them."


def test_why_a_worker_is_missing_is_told() -> None:
    (workers,) = [check for check in health({**WELL, "workers_ready": 1, "start_trouble": "no room"}, []) if check.name == "workers"]
    assert (workers.ok, workers.detail) == (False, "1 of 2 are up; the last that was started did not come up: no room")
