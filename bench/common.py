"""What the bench scripts share: counted runs, scratch folders, fonts, words, ratios, one JSON line an answer."""

from __future__ import annotations

import json
import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
RESULTS = BENCH / "results"
ENVS = Path(os.environ.get("FONTMILL_BENCH_ENVS", BENCH / ".envs"))  # the peers'
CACHE = BENCH / ".cache"
FLOOR = BENCH / "floor" / "floor"
BIN = Path(sys.executable).parent
SCRATCH = "fontmill-bench-"
WIDTH, HEIGHT = 256, 64
NOISE_SIGMA = 3.0  # that of the preset `plain`
STYLED = ("--style-variations", "--special-effects")
LATIN = ("fontpkg_inter", "fontpkg_cairo", "fontpkg_amiri")


class UnavailableError(Exception):
    """What is asked for is not on this machine, or not in this version; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Cost of one command and all its descendants."""

    rc: int
    wall_s: float
    settle_s: float
    user_s: float
    system_s: float
    max_rss_kb: int
    stdout: str
    stderr: str

    @property
    def cpu_s(self) -> float:
        """User and system time."""
        return self.user_s + self.system_s

    def last_json(self) -> dict[str, Any]:
        """The last line of the output that is a JSON object."""
        for line in reversed(self.stdout.splitlines()):
            if line.startswith("{"):
                found: dict[str, Any] = json.loads(line)
                return found
        raise UnavailableError(f"no JSON line in the output (exit {self.rc}): {(self.stderr or self.stdout)[-400:]}")


def start_counted(argv: Sequence[str | Path], report: Path, **options: Any) -> subprocess.Popen[str]:
    """Start a command under the reaper; `finish_counted` reads what it cost."""
    command = [sys.executable, str(BENCH / "reap.py"), str(report), *map(str, argv)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def finish_counted(process: subprocess.Popen[str], report: Path, timeout: float = 3600) -> Counted:
    """Wait for a command started by `start_counted`."""
    try:
        stdout, stderr = process.communicate(timeout=timeout)
    except BaseException:
        process.terminate()
        raise
    if not report.exists():
        raise UnavailableError(f"the reaper failed: {stderr[-400:]}")
    return Counted(stdout=stdout, stderr=stderr, **json.loads(report.read_text()))


def counted(argv: Sequence[str | Path], timeout: float = 3600, **options: Any) -> Counted:
    """Run a command and count the CPU time of everything below it."""
    with tempfile.TemporaryDirectory(prefix="fontmill-bench-") as folder:
        report = Path(folder) / "cost.json"
        return finish_counted(start_counted(argv, report, **options), report, timeout)


@contextmanager
def scratch(kind: str) -> Iterator[Path]:
    """An empty folder on `tmpfs` (/dev/shm) or `disk` (FONTMILL_BENCH_DISK, else /var/tmp), removed at the end.

    What killed runs left there is removed first.
    """
    base = Path("/dev/shm" if kind == "tmpfs" else os.environ.get("FONTMILL_BENCH_DISK", "/var/tmp"))
    sweep(base)
    folder = Path(tempfile.mkdtemp(prefix=f"{SCRATCH}{os.getpid()}-", dir=base))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(base: Path) -> None:
    """Remove the scratch folders of processes that are gone."""
    for folder in base.glob(f"{SCRATCH}*-*"):
        owner = folder.name.removeprefix(SCRATCH).split("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def word_file() -> Path:
    """A list of common English words, the text of every program but fontmill (which brings its own)."""
    path = CACHE / "words.txt"
    if not path.exists():
        import wordfreq

        words = [w for w in wordfreq.top_n_list("en", 20000) if w.isascii() and w.isalpha() and 2 <= len(w) <= 12]
        write_file(path, "\n".join(words[:10000]) + "\n")
    return path


def write_file(path: Path, text: str) -> None:
    """Write in one piece, so that scripts that run side by side never read half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def fonts(count: int = 4) -> list[Path]:
    """Up to `count` ordinary text fonts: static system faces first, then those of the font packages."""
    system = sorted(Path("/usr/share/fonts/truetype/dejavu").glob("DejaVuS*.ttf"))
    plain = [p for p in system if p.stem in {"DejaVuSans", "DejaVuSerif", "DejaVuSans-Bold", "DejaVuSansMono"}]
    packaged = [p for name in LATIN for p in package_fonts(name)]
    found = [*plain, *(p for p in packaged if "[" not in p.name), *(p for p in packaged if "[" in p.name)]
    if not found:
        raise UnavailableError("no fonts: install fonts-dejavu-core or `pip install fontmill[demo]`")
    return found[:count]


def package_fonts(name: str) -> list[Path]:
    """Font files of one installed font package."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        return []
    return sorted(Path(spec.origin).parent.rglob("*.ttf"))


def fontmill(*args: str | Path) -> list[str]:
    """A fontmill command line."""
    program = BIN / "fontmill"
    if not program.exists():
        raise UnavailableError("fontmill is not installed beside this Python: `make install`")
    return [str(program), *map(str, args)]


def fontmill_run(folder: Path, files: Sequence[Path], samples: int, *options: str, project: str = "bench") -> list[str]:
    """`fontmill run` of a project below `folder`."""
    return fontmill("run", "--fonts", *files, "--out", folder, "--project", project, "--samples", str(samples), "--json", *options)


def completed(run: Counted, pairs: int) -> Counted:
    """The run, if it made all its pairs."""
    if run.rc != 0:
        raise UnavailableError(f"fontmill run exited {run.rc}: {run.stderr[-600:] or run.stdout[-600:]}")
    status = run.last_json()
    if status["exported_samples"] != pairs:
        raise UnavailableError(f"{status['exported_samples']} pairs made, {pairs} expected")
    return run


def floor_run(folder: Path, files: Sequence[Path], samples: int, color: str, *options: str) -> list[str]:
    """The floor program's command line. Raises UnavailableError where it is not built."""
    if not FLOOR.exists():
        raise UnavailableError("the floor is not built: python bench/floor/build.py")
    return [str(FLOOR), "--out", str(folder), "--words", str(word_file()), "--samples", str(samples), "--color", color, *options, *map(str, files)]


def naive_run(folder: Path, files: Sequence[Path], samples: int, color: str) -> list[str]:
    """The naive loop's command line."""
    return [sys.executable, str(BENCH / "naive.py"), "--out", str(folder), "--samples", str(samples), "--color", color, "--fonts", *map(str, files)]


def interleave(rounds: int, programs: dict[Any, Callable[[], Any]], budget: float = math.inf) -> dict[Any, list[Any]]:
    """Run every program once a round (A B C A B C ...), so that a slow minute hits all of them.

    After the first round, none is begun that would likely end later than `budget` seconds after the start.
    """
    results: dict[Any, list[Any]] = {name: [] for name in programs}
    began = time.monotonic()
    for number in range(rounds):
        spent = time.monotonic() - began
        if number and spent * (number + 1) / number > budget:
            break
        for name, program in programs.items():
            results[name].append(program())
    return results


def spread(values: Sequence[float], digits: int = 3) -> dict[str, float]:
    """Min, median and max."""
    return {"min": round(min(values), digits), "median": round(statistics.median(values), digits), "max": round(max(values), digits)}


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, float]:
    """Spread of ours/theirs, round by round."""
    return spread([a / b for a, b in zip(ours, theirs, strict=True)])


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest-rank percentile, `share` in 0..1."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def tree_bytes(folder: Path) -> tuple[int, int]:
    """Number and bytes of the PNG files below a folder."""
    sizes = [p.stat().st_size for p in folder.rglob("*.png")]
    return len(sizes), sum(sizes)


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    return {"cpu": model, "cores": len(os.sched_getaffinity(0)), "python": platform.python_version(), "kernel": platform.release()}


def emit(question: str, **answer: Any) -> None:
    """Print one answer as one JSON line."""
    print(json.dumps({"question": question, **answer}), flush=True)


def run_script(question: str, body: Callable[[], None]) -> int:
    """Answer, or say in one JSON line why there is no answer (exit status 3)."""
    try:
        body()
    except UnavailableError as reason:
        emit(question, unavailable=str(reason))
        return 3
    return 0
