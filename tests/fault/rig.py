"""What every fault test is made of: a daemon to be disturbed, the tree it must end in, and who was promised what."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import shutil
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fontmill import Client
from system.conftest import Daemon, alive, begin, tree_digest, until

MARKER = "FONTMILL_FAULT_RIG"
SMALL: dict[str, Any] = {"seed": 7, "preset": "plain", "image_width": 96, "image_height": 24}
"""What every session here is: many quick pairs, so that a fault meets a busy writer and not a busy renderer."""
LEFTOVERS = ("*.part", ".fontmill.lock*")
SETTLED = 240.0


def need(*tools: str) -> None:
    """The rig's prerequisites: missing ones fail in CI and skip elsewhere."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if os.geteuid() != 0:
        missing.append("root")
    if missing:
        _lacking(", ".join(missing))


def need_fuse() -> None:
    need("fusermount3")
    try:
        import mfusepy  # noqa: F401
    except (ImportError, OSError) as error:
        _lacking(f"mfusepy ({error})")
    if not os.path.exists("/dev/fuse"):
        _lacking("/dev/fuse")


def _lacking(what: str) -> None:
    text = f"this fault rig needs {what}"
    if os.environ.get("CI"):
        pytest.fail(text)
    pytest.skip(text)


def sh(*words: str, check: bool = True) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise AssertionError(f"{words}: {done.stdout}{done.stderr}")
    return done.stdout.strip()


class RigDaemon(Daemon):
    """A daemon whose every descendant can be found; it may believe in a boot of its own, or run `within` something."""

    def __init__(self, folder: Path, root: Path, workers: int = 2, *more: str, boot: Path | None = None,
                 within: Callable[..., list[str]] = lambda *words: list(words)) -> None:
        self.mark = uuid.uuid4().hex
        self.boot, self.within = boot, within
        folder.mkdir(exist_ok=True, parents=True)
        super().__init__(folder, root, workers, *more)

    def start(self) -> None:
        words, before = self.words, os.environ.get(MARKER)
        self.words = self.within(*words)
        if self.boot is not None:
            self.boot.write_text(f"{uuid.uuid4()}\n")
            bind = f"mount --bind {self.boot} /proc/sys/kernel/random/boot_id && exec \"$@\""
            self.words = ["unshare", "--mount", "sh", "-c", bind, "sh", *self.words]
        os.environ[MARKER] = self.mark
        try:
            super().start()
        finally:
            self.words = words
            os.environ.pop(MARKER, None) if before is None else os.environ.update({MARKER: before})

    def family(self) -> list[int]:
        """Every living process that descends from this daemon, itself included."""
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                with contextlib.suppress(OSError):
                    if self.mark.encode() in Path(f"/proc/{entry}/environ").read_bytes() and alive(int(entry)):
                        found.append(int(entry))
        return found

    def kill(self, patience: float = 1.0) -> float:
        """SIGKILL; returns the seconds until the last descendant was gone. Fails when it lives on for a minute."""
        super().kill()
        began = time.monotonic()
        with contextlib.suppress(AssertionError):
            until(lambda: not self.family(), "no orphan", deadline=patience)
            return time.monotonic() - began
        late = [describe(pid) for pid in self.family()]
        figure("late-orphans", load=os.getloadavg()[0], processes=late)
        until(lambda: not self.family(), f"no orphan is left; after {patience} s: {late}")
        return time.monotonic() - began

    def end(self) -> None:
        """For fixtures: nothing of it lives on, whatever state the test left it in."""
        if self.process.poll() is None:
            with contextlib.suppress(Exception):
                Daemon.kill(self)
        for pid in self.family():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        with contextlib.suppress(AssertionError):
            until(lambda: not self.family(), "gone", deadline=30.0)


def describe(pid: int) -> str:
    """What a process is and does, for a message."""
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()[-160:]
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        threads = len(os.listdir(f"/proc/{pid}/task"))
        return f"{pid} state={state[0]} ppid={state[1]} threads={threads} cpu={state[11]}+{state[12]} {words}"
    return f"{pid} gone"


class Promises:
    """Listens to `batch` events of a daemon in a thread, over its restarts: what was ever called durable."""

    def __init__(self, daemon: Daemon) -> None:
        self.pairs: set[tuple[str, int]] = set()
        self.sizes: list[int] = []
        self.paused: list[tuple[float, str]] = []
        self.client = Client(daemon.socket, timeout=60)
        self._events = self.client.subscribe()
        threading.Thread(target=self._main, daemon=True).start()

    def _main(self) -> None:
        with contextlib.suppress(Exception):
            for event in self._events:
                data = event.get("d", {})
                if event["kind"] == "batch" and data["durable"]:
                    self.sizes.append(data["last"] - data["first"] + 1)
                    if not data["failed"]:
                        self.pairs.update((data["font"], i) for i in range(data["first"], data["last"] + 1))
                elif event["kind"] == "session-paused":
                    self.paused.append((time.monotonic(), data["reason"]))

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.client.close()

    def lost(self, project: Path) -> list[tuple[str, int]]:
        """Promised pairs that are not completely, byte for byte, in the tree as it lies there now."""
        held: set[tuple[str, int]] = set()
        for labels in project.glob("fonts/*/metadata.jsonl"):
            font = labels.parent.name
            for line in labels.read_bytes().splitlines():
                with contextlib.suppress(ValueError, KeyError, OSError):
                    label = json.loads(line)
                    if (font, label["index"]) in self.pairs and all(_is(labels.parent, label, h) for h in ("clear", "blurred")):
                        held.add((font, label["index"]))
        return sorted(self.pairs - held)


def _is(folder: Path, label: dict[str, Any], half: str) -> bool:
    data = (folder / label[f"{half}_file_name"]).read_bytes()
    return hashlib.sha256(data).hexdigest() == label[f"{half}_sha256"]


def images(project: Path) -> dict[tuple[str, int], set[tuple[int, int]]]:
    """(inode, mtime) of the files of each pair, as they are now."""
    found: dict[tuple[str, int], set[tuple[int, int]]] = {}
    for folder in project.glob("fonts/*/images"):
        font = folder.parent.name
        with os.scandir(folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError, ValueError):
                    info = entry.stat(follow_symlinks=False)
                    index = int(entry.name.removeprefix(font + "_").split("_")[0])
                    found.setdefault((font, index), set()).add((info.st_ino, info.st_mtime_ns))
    return found


def journaled(project: Path) -> set[tuple[str, int]]:
    """Pairs with a whole line in the labels files: those on record."""
    found = set()
    for labels in project.glob("fonts/*/metadata.jsonl"):
        data = labels.read_bytes()
        for line in data[: data.rfind(b"\n") + 1].splitlines():
            found.add((labels.parent.name, json.loads(line)["index"]))
    return found


def rewritten(before: dict[Any, set[Any]], after: dict[Any, set[Any]]) -> set[tuple[str, int]]:
    """Pairs of which a file that was there has been replaced."""
    return {pair for pair, files in before.items() if files - after.get(pair, set())}


def leftovers(project: Path) -> list[str]:
    return [str(path) for pattern in LEFTOVERS for path in project.rglob(pattern)]


def finish(daemon: Daemon, session: str, deadline: float = SETTLED) -> dict[str, Any]:
    """Wait for the end of a session, resuming it where its pauses are a user's to lift."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        status = daemon.client.status(session)
        if status["status"] in ("completed", "failed") and status["quiescent"]:
            return status
        if {"crashloop", "user"} & set(status["pause_reasons"]):
            daemon.client.resume(session)
        time.sleep(0.02)
    raise AssertionError(f"not finished in {deadline} s: {daemon.client.status(session)} {daemon.log.read_text()[-3000:]}")


def differences(one: dict[str, str], other: dict[str, str]) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


class Undisturbed:
    """The trees that nobody disturbed, made once for each size."""

    def __init__(self, folder: Path, fonts: list[str]) -> None:
        self.folder, self.fonts = folder, fonts
        self._known: dict[int, dict[str, str]] = {}

    def __call__(self, samples: int) -> dict[str, str]:
        if samples not in self._known:
            root = self.folder / f"root-{samples}"
            root.mkdir()
            daemon = RigDaemon(self.folder / f"daemon-{samples}", root)
            try:
                status = finish(daemon, begin(daemon, self.fonts, "undisturbed", samples, **SMALL))
                assert (status["status"], status["exported_samples"]) == ("completed", samples * len(self.fonts))
                assert daemon.stop() == 0
            finally:
                daemon.end()
            self._known[samples] = tree_digest(root / "undisturbed")
            shutil.rmtree(root)
        return self._known[samples]


@contextlib.contextmanager
def mounted(point: Path, *words: str) -> Iterator[Path]:
    """`mount WORDS point`, taken away again whatever happens."""
    point.mkdir(parents=True, exist_ok=True)
    sh("mount", *words, str(point))
    try:
        yield point
    finally:
        unmount(point)


def is_mounted(point: Path) -> bool:
    """os.path.ismount says no of a file system that was shut down: it cannot be stat'ed."""
    return any(line.split()[4] == str(point) for line in Path("/proc/self/mountinfo").read_text().splitlines())


def unmount(point: Path) -> None:
    for _ in range(100):
        if not is_mounted(point) or subprocess.run(["umount", str(point)], check=False, capture_output=True).returncode == 0:
            return
        time.sleep(0.02)
    sh("umount", "-l", str(point), check=False)


MKFS = {
    "ext4": ["mkfs.ext4", "-q", "-F", "-m0"], "xfs": ["mkfs.xfs", "-q", "-f"], "btrfs": ["mkfs.btrfs", "-q", "-f"],
}


def make_image(image: Path, kind: str, megabytes: int) -> Path:
    image.unlink(missing_ok=True)
    sh("truncate", "-s", f"{megabytes}M", str(image))
    sh(*MKFS[kind], str(image))
    return image


def figure(name: str, **values: Any) -> None:
    """One JSON line a result: printed, and appended to $FONTMILL_FIGURES."""
    line = json.dumps({"figure": name, **values})
    print(line)
    if path := os.environ.get("FONTMILL_FIGURES"):
        with open(path, "a", encoding="utf-8") as out:
            out.write(line + "\n")


def chance(seed: int) -> random.Random:
    return random.Random(seed)


def doses(small: int, large: int, pieces: int) -> list[Any]:
    """Parameters (amount, seed) of a test: one small dose for CI; for soaks, `large` in pieces of a few minutes each."""
    soak = [pytest.mark.soak, pytest.mark.timeout(3600)]
    return [(small, 0), *(pytest.param(large // pieces, seed, marks=soak) for seed in range(1, pieces + 1))]
