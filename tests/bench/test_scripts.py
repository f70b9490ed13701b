"""Every bench script runs and answers in JSON lines. No time is asserted."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from system.conftest import font_files

BENCH = Path(__file__).resolve().parents[2] / "bench"
BIN = Path(sys.executable).parent
FONTMILL = pytest.mark.skipif(not (BIN / "fontmill").exists(), reason="fontmill is not installed beside this Python")
# What the renderer needs is imported in the scripts' own process.
RENDERER = pytest.mark.skipif(importlib.util.find_spec("fontmilld") is None, reason="fontmilld is not installed")


def answers(script: str, *options: str, status: int = 0) -> list[dict]:
    done = subprocess.run(
        [sys.executable, str(BENCH / script), *options], capture_output=True, text=True, timeout=900, check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def test_the_naive_loop(tmp_path: Path) -> None:
    (answer,) = answers("naive.py", "--out", str(tmp_path), "--samples", "3", "--color", "rgb")
    assert answer["pairs"] * 2 == len(list(tmp_path.rglob("*.png")))
    assert len(list(tmp_path.rglob("metadata.jsonl"))) * 3 == answer["pairs"]


@pytest.mark.skipif(shutil.which("g++") is None, reason="no compiler")
def test_the_floor_draws_what_it_says(tmp_path: Path) -> None:
    from hashlib import sha256

    from PIL import Image

    built = subprocess.run([sys.executable, str(BENCH / "floor/build.py")], capture_output=True, text=True, check=False)
    if built.returncode == 2:
        pytest.skip(built.stderr)
    assert built.returncode == 0, built.stderr
    words = tmp_path / "words.txt"
    words.write_text("alpha\nbeta\n")
    font = font_files("fontpkg-inter")[0]
    for color, mode in (("gray", "L"), ("rgb", "RGB")):
        out = tmp_path / color
        subprocess.run([str(BENCH / "floor/floor"), "--out", str(out), "--words", str(words), "--samples", "4", "--color", color, str(font)], check=True)
        (labels,) = out.rglob("metadata.jsonl")
        for label in map(json.loads, labels.read_text().splitlines()):
            for half in ("clear", "blurred"):
                data = (labels.parent / label[f"{half}_file_name"]).read_bytes()
                assert len(data) == label[f"{half}_bytes"]
                if label[f"{half}_sha256"]:
                    assert sha256(data).hexdigest() == label[f"{half}_sha256"]
                with Image.open(labels.parent / label[f"{half}_file_name"]) as image:
                    image.load()
                    assert (image.size, image.mode) == ((256, 64), mode)
                    assert len(image.convert("L").getcolors()) > 10
        assert len(labels.read_text().splitlines()) == 4


def test_peers_that_are_not_installed_say_so() -> None:
    found = answers("peers/run.py", "--quick", "--no-install", "text_renderer")
    assert found == [{"question": "peers", "peer": "text_renderer", "installs": False, "error": found[0]["error"]}]


@pytest.mark.skipif(not (BENCH / ".envs/doctr-synth-generator").exists(), reason="the peer is not installed")
def test_the_live_peer() -> None:
    (answer,) = answers("peers/run.py", "--quick", "--no-install", "doctr-synth-generator")
    assert answer["runs"], answer


def test_many_fonts_are_distinct_and_draw(tmp_path: Path) -> None:
    from PIL import ImageFont

    done = subprocess.run([sys.executable, str(BENCH / "manyfonts.py"), "3"], capture_output=True, text=True, check=True)
    files = sorted(Path(done.stdout.strip()).glob("*.ttf"))
    assert len({path.read_bytes() for path in files}) == 3
    assert len({ImageFont.truetype(str(path), 32).getname() for path in files}) == 3


@RENDERER
def test_stages() -> None:
    found = answers("stages.py", "--quick", "--colors", "gray")
    assert len(found) == 2
    assert all(answer["us_per_pair"] and not answer["not_found"] for answer in found)


@FONTMILL
def test_end_to_end() -> None:
    found = answers("endtoend.py", "--quick")
    assert {answer["program"] for answer in found} >= {"naive", "fontmill"}
    assert all("cpu_vs_naive" in answer for answer in found if answer["program"] == "fontmill")


@FONTMILL
@pytest.mark.parametrize("script", ["scale.py", "durability.py", "resume.py", "control.py", "dispatch.py"])
def test_the_script_answers(script: str) -> None:
    found = answers(script, "--quick")
    assert found
    assert not [answer for answer in found if "unavailable" in answer]


@FONTMILL
def test_memory() -> None:
    found = {answer["kind"]: answer for answer in answers("memory.py", "--quick", "--no-install")}
    assert set(found) == {"to-its-end", "plain", "cjk"}
    assert found["to-its-end"]["ended"]
    assert found["plain"]["pairs"] > 0
    for kind in ("to-its-end", "plain"):
        assert {"daemon", "forkserver"} <= set(found[kind]["peak_pss_mb"])


def test_without_fontmill_a_script_says_so(tmp_path: Path) -> None:
    program = ("import sys, pathlib; sys.argv[1:] = ['--quick']; import places; places.BIN = pathlib.Path('/nonexistent'); "
               "import answers, durability; sys.exit(answers.run_script('durability', durability.main))")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(BENCH)}, check=False)
    assert done.returncode == 3, done.stderr
    assert "not installed" in json.loads(done.stdout)["unavailable"]


def test_the_picture(tmp_path: Path) -> None:
    from PIL import Image

    spread = {"min": 1.0, "median": 2.0, "max": 3.0}
    rows = []
    for color in ("gray", "rgb"):
        place = {"suite": "1", "color": color, "disk": "tmpfs", "pairs_per_cpu_s": spread}
        rows += [{"program": "naive", **place}, {"program": "fontmill", "preset": "plain", "workers": 1, **place},
                 {"program": "fontmill", "preset": "plain", "workers": 2, **place}]
    (tmp_path / "endtoend.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "peers.jsonl").write_text(json.dumps({"suite": "1", "peer": "someone", "pairs_per_cpu_s": spread}) + "\n")
    subprocess.run([sys.executable, str(BENCH / "chart.py"), "--results", str(tmp_path)], check=True)
    with Image.open(tmp_path / "bars.png") as image:
        assert image.width > 800


def test_the_targets(tmp_path: Path) -> None:
    where = {"suite": "2", "program": "fontmill", "preset": "plain", "color": "gray", "workers": 1, "disk": "tmpfs"}
    ratio = {"cpu_vs_naive": {"min": 1.0, "median": 9.0, "max": 10.0}, "net_cpu_vs_naive": {"min": 7.0, "median": 7.5, "max": 8.0}}
    old = {**where, "suite": "1", "cpu_vs_naive": {"median": 100.0}}
    (tmp_path / "endtoend.jsonl").write_text("".join(json.dumps(line) + "\n" for line in (old, {**where, **ratio})))
    (tmp_path / "memory.jsonl").write_text(json.dumps({"suite": "2", "kind": "to-its-end", "peak_pss_mb": {"daemon": 151.0}}) + "\n")
    grown = {"suite": "2", "kind": "samples", "pairs": 200_000, "vs_base": {"min": 0.2, "median": 0.2, "max": 0.2}, "net_vs_base": {"min": 1.0, "median": 1.2, "max": 1.3}}
    (tmp_path / "scale.jsonl").write_text(json.dumps(grown) + "\n")
    found = answers("targets.py", "--results", str(tmp_path))
    judged = {answer["target"]: answer for answer in found}
    naive = judged["plain beside the naive Pillow loop"]
    assert (naive["whole"], naive["whole_range"], naive["net"], naive["judged_on"], naive["met"]) == (9.0, [1.0, 10.0], 7.5, "whole", True)
    assert naive["measured"] == "2"
    # A start flatters the small session that the large one is held against: both figures must do.
    assert judged["200,000 samples beside 2,000, per pair"]["met"] is False
    assert judged["memory of the daemon, 1,000,000 samples to their end, MB"]["met"] is False
    assert judged["plain beside the C++ floor"]["met"] is None
