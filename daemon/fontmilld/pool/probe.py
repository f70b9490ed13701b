"""The probe process: reads, hashes and inspects font files, so that a hostile one can only end this process."""

from __future__ import annotations

import functools
import math
import os
import resource
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fontmill import wire
from fontmilld.pool.fontfile import font_digest
from fontmilld.pool.messages import ProbeDone, ProbeTask, Ready, SheetDone, SheetTask
from fontmilld.pool.process import ChildEnd
from fontmilld.render.faces import Face, FontProblem, count_faces, font_id_for, inspect_face
from fontmilld.render.fingerprint import fingerprint, missing_parts
from fontmilld.render.labels import caption
from fontmilld.render.pair import PairRenderer, RenderedPair
from fontmilld.render.settings import RenderSettings

MAX_FILE_BYTES = 256 << 20
MAX_FACES = 64
TRIES = 3
"""So many times as many pairs as are asked for are tried where some cannot be drawn."""
HOLD_SECONDS = 0.02
"""An answer waits no longer for others."""
Shown = tuple[str, bytes, bytes]


def probe_main(end: ChildEnd, memory_bytes: int, file_seconds: float) -> None:
    """Serve until the supervisor closes the socket. `memory_bytes` bounds the address space, unless less is allowed anyway.

    What takes more than `file_seconds` of processor time ends the process by SIGXCPU.
    """
    _limit(resource.RLIMIT_AS, memory_bytes)
    _limit(resource.RLIMIT_CORE, 0)
    end.send(Ready(os.getpid(), fingerprint(), tuple(missing_parts())))
    held: list[ProbeDone | SheetDone] = []
    sent = time.monotonic()
    while isinstance(task := end.receive(), ProbeTask | SheetTask):
        _allow(file_seconds)
        held.append(draw_sheet(task) if isinstance(task, SheetTask) else probe_file(task.serial, task.source, task.settings, task.samples))
        if isinstance(task, SheetTask) or not task.more or time.monotonic() - sent > HOLD_SECONDS:
            end.send(*held)
            held.clear()
            sent = time.monotonic()


def _allow(seconds: float) -> None:
    """So much more processor time, from now on."""
    _limit(resource.RLIMIT_CPU, math.ceil(time.process_time() + seconds))


def _limit(kind: int, most: int) -> None:
    """No more than `most`, and no more than whoever started fontmilld allows."""
    _, allowed = resource.getrlimit(kind)
    resource.setrlimit(kind, (most if allowed == resource.RLIM_INFINITY else min(most, allowed), allowed))


def draw_sheet(task: SheetTask) -> SheetDone:
    """Put pairs on a contact sheet."""
    # Not at the top: Pillow is for this alone, and few ask for it.
    from fontmilld.render.sheet import contact_sheet  # noqa: PLC0415

    try:
        return SheetDone(task.serial, contact_sheet(task.pairs, task.columns))
    except (ValueError, MemoryError, OSError) as error:
        return SheetDone(task.serial, b"", f"{error}.")


def probe_file(serial: int, source: str, config: Mapping[str, Any], samples: int = 0) -> ProbeDone:
    """Inspect every face of one file. What is refused says why; nothing is raised but SystemExit and worse.

    `samples` pairs, shared among the faces, are handed back as well.
    """
    try:
        settings = _settings(wire.pack(config))
        data = _read(source)
    except (ValueError, TypeError) as error:
        return _refused(serial, "invalid-argument", f"{error}.")
    except FontProblem as problem:
        return _refused(serial, problem.slug, problem.reason)
    sha256 = font_digest(data)
    try:
        count = min(count_faces(data), MAX_FACES)
    except FontProblem as problem:
        return _refused(serial, problem.slug, problem.reason, sha256)
    except Exception as error:
        return _refused(serial, "font-unreadable", f"The file is not a font ({type(error).__name__}).", sha256)
    stem = Path(source).stem
    entries, pairs = [], list[Shown]()
    for number in range(count):
        share = -(-(samples - len(pairs)) // (count - number))  # what a face did not give is asked of those behind it
        entry, shown = _probe_face(data, number, stem, settings, sha256, share)
        entries.append(entry)
        pairs += shown
    return ProbeDone(serial, sha256, tuple(entries), tuple(pairs))


# Thousands of files are looked at for one session.
@functools.lru_cache(maxsize=1)
def _settings(packed: bytes) -> RenderSettings:
    return RenderSettings.from_config(wire.unpack(packed))


def _read(source: str) -> bytes:
    # Not waited for: a pipe may have nobody at its other end.
    try:
        with open(source, "rb", buffering=0, opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise FontProblem("font-unreadable", "This is not a regular file.")
            if found.st_size > MAX_FILE_BYTES:
                raise FontProblem("font-too-large", f"The file is larger than {MAX_FILE_BYTES >> 20} MiB.")
            return file.readall()
    except (OSError, ValueError) as error:
        raise FontProblem("font-unreadable", f"The file cannot be read: {getattr(error, 'strerror', error)}.") from error


def _probe_face(
    data: bytes, number: int, stem: str, settings: RenderSettings, sha256: str, samples: int,
) -> tuple[dict[str, object], list[Shown]]:
    """What is told of one face, and its first `samples` pairs; fewer where too many of its texts do not fit."""
    entry: dict[str, object] = {"face_index": number, "slug": "", "reason": "", "record": {}}
    pairs: list[Shown] = []
    try:
        report = inspect_face(data, number, sha256)
        record = report.to_record()
        font_id = font_id_for(report, stem, number, set())
        renderer = PairRenderer(settings, Face(data, number, record), sha256)  # what cannot draw at all says so here
        if renderer.lacking:
            record["lacks_text_sources"] = list(renderer.lacking)
        if not samples:
            renderer.try_out(1)
        for index in range(1, TRIES * samples + 1):
            pair = renderer.render(index) if len(pairs) < samples else None
            if isinstance(pair, RenderedPair):
                pairs.append((caption(font_id, pair.label), pair.clear, pair.blurred))
        entry |= {"record": record, "wanted_id": font_id}
    except FontProblem as problem:
        entry |= {"slug": problem.slug, "reason": problem.reason}
    except MemoryError:
        entry |= {"slug": "font-too-large", "reason": "Inspecting the face took more memory than allowed."}
    except Exception as error:
        entry |= {"slug": "font-unreadable", "reason": f"The face cannot be inspected ({type(error).__name__})."}
    return entry, pairs


def _refused(serial: int, slug: str, reason: str, sha256: str = "") -> ProbeDone:
    return ProbeDone(serial, sha256, ({"face_index": 0, "slug": slug, "reason": reason, "record": {}},))
