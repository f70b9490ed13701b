"""The probe process: reads, hashes and inspects font files, so that a hostile one can only end this process."""

from __future__ import annotations

import os
import resource
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fontmilld.pool.fontfile import font_digest
from fontmilld.pool.messages import ProbeDone, ProbeTask, Ready
from fontmilld.pool.process import ChildEnd
from fontmilld.render.faces import Face, FontProblem, count_faces, font_id_for, inspect_face
from fontmilld.render.fingerprint import fingerprint, missing_parts
from fontmilld.render.pair import PairRenderer
from fontmilld.render.settings import RenderSettings

MAX_FILE_BYTES = 256 << 20
MAX_FACES = 64


def probe_main(end: ChildEnd, memory_bytes: int) -> None:
    """Serve until the supervisor closes the socket. `memory_bytes` bounds the address space."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    end.send(Ready(os.getpid(), fingerprint(), tuple(missing_parts())))
    while isinstance(task := end.receive(), ProbeTask):
        end.send(probe_file(task.serial, task.source, task.settings))


def probe_file(serial: int, source: str, config: Mapping[str, Any]) -> ProbeDone:
    """Inspect every face of one file. What is refused says why; nothing is raised but SystemExit and worse."""
    try:
        settings = RenderSettings.from_config(config)
        data = _read(source)
    except (ValueError, TypeError) as error:
        return _refused(serial, "invalid-argument", f"{error}.")
    except OSError as error:
        return _refused(serial, "font-unreadable", f"The file cannot be read: {error.strerror}.")
    except FontProblem as problem:
        return _refused(serial, problem.slug, problem.reason)
    sha256 = font_digest(data)
    try:
        count = min(count_faces(data), MAX_FACES)
    except FontProblem as problem:
        return _refused(serial, problem.slug, problem.reason, sha256)
    except Exception as error:
        return _refused(serial, "font-unreadable", f"The file is not a font ({type(error).__name__}).", sha256)
    return ProbeDone(serial, sha256, tuple(_probe_face(data, number, Path(source).stem, settings, sha256) for number in range(count)))


def _read(source: str) -> bytes:
    path = Path(source)
    if not path.is_file():
        raise FontProblem("font-unreadable", "This is not a regular file.")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise FontProblem("font-too-large", f"The file is larger than {MAX_FILE_BYTES >> 20} MiB.")
    return path.read_bytes()


def _probe_face(data: bytes, number: int, stem: str, settings: RenderSettings, sha256: str) -> dict[str, object]:
    entry: dict[str, object] = {"face_index": number, "slug": "", "reason": "", "record": {}}
    try:
        report = inspect_face(data, number)
        record = report.to_record()
        PairRenderer(settings, Face(data, number, record), sha256).render(1)  # what cannot draw at all says so here
        return {**entry, "record": record, "wanted_id": font_id_for(report, stem, number, set())}
    except FontProblem as problem:
        return {**entry, "slug": problem.slug, "reason": problem.reason}
    except MemoryError:
        return {**entry, "slug": "font-too-large", "reason": "Inspecting the face took more memory than allowed."}
    except Exception as error:
        return {**entry, "slug": "font-unreadable", "reason": f"The face cannot be inspected ({type(error).__name__})."}


def _refused(serial: int, slug: str, reason: str, sha256: str = "") -> ProbeDone:
    return ProbeDone(serial, sha256, ({"face_index": 0, "slug": slug, "reason": reason, "record": {}},))
