"""`python -m fontmilld.reader VERB PROJECT`: what a project's folder says of it, without a daemon.

For `fontmill status`, `fonts` and `why` of a folder. Nothing is written, and no lock is taken: where somebody works on
the project, what is told lags behind. One JSON line is printed: the reply of the verb, or `{"error": {"slug", "message",
"details", "action"}}`. The verb `follow`, for `fontmill wait` and `watch`, prints a status object several times a second until nobody
works on the project any more.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

import orjson

from fontmill.errors import FontmillError, how_to_go_on
from fontmill.model import ExportSession, FontInfo
from fontmilld.core import layout
from fontmilld.core.accounts import LEFT_OUT, font_entries
from fontmilld.core.diagnosis import explain, missing, other_folders
from fontmilld.core.lifecycle import Lifecycle, Phase, recalled
from fontmilld.core.progress import FontProgressTracker
from fontmilld.status import status_object
from fontmilld.store.checkpoint import FontState, decode
from fontmilld.store.ending import read_file
from fontmilld.store.files import LocalTree
from fontmilld.store.lock import Owner, living_owner
from fontmilld.store.parts import elsewhere, gone_on_in, parts_told
from fontmilld.store.sessions import load_session, read_progress
from fontmilld.store.tree import Tree

_POLL_SECONDS: Final = 0.5
INTERRUPTED: Final = "interrupted"
"""The status of a project that is not done, is not paused either, and that nobody works on."""


def main(argv: Sequence[str]) -> int:
    """Print the reply; the exit status is 0 when there is one."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    parent, name = os.path.split(argv[1].rstrip("/"))
    path = f"{os.path.realpath(parent).rstrip('/')}/{name}"
    try:
        for answer in follow(path) if argv[0] == "follow" else [read(argv[0], path)]:
            _print(answer)
    except FontmillError as error:
        _print({"error": error.to_dict()})
        return 1
    return 0


def _print(answer: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
    sys.stdout.buffer.flush()


def follow(path: str, pause: Callable[[float], None] = time.sleep) -> Iterator[dict[str, Any]]:
    """The status object again and again while somebody works on the project, and once more, without `owner`, when nobody does.

    Until then it is what the project itself said last. Raises FontmillError.
    """
    status: dict[str, Any] = {}
    while (owner := _shown(living_owner(path))) is not None:
        status = status or read("status", path)
        told = _last_told(path)
        if told.get("session_id") == status["session_id"]:
            status = {name: told.get(name, value) for name, value in status.items()}
        else:
            status = read("status", path)
        yield {**status, "owner": owner}
        pause(_POLL_SECONDS)
    yield {**read("status", path), "owner": None}


def _last_told(path: str) -> dict[str, Any]:
    """What `progress.json` holds."""
    tree = LocalTree(path)
    try:
        return read_progress(tree)
    finally:
        tree.close()


def read(verb: str, path: str) -> dict[str, Any]:
    """The reply of `status`, `fonts` or `why` for the project at `path`; `owner` in it is who works on it, or None.

    `owner` alone is the reply of the verb `owner`, which reads no file of the project. Raises FontmillError.
    """
    owner = living_owner(path)  # before the tree is read: what it did last is seen
    if verb == "owner":
        return {"owner": _shown(owner)}
    tree = LocalTree(path)
    try:
        session = load_session(tree, path)
        told, completed = read_progress(tree), tree.size(layout.SUMMARY_FILE) is not None
        tracker = _counted(tree, session, completed)
    finally:
        tree.close()
    status = _status(session, path, tracker, told, completed, owner)
    if verb == "status":
        return status
    fonts = font_entries(session, tracker, 0.0)
    if verb == "fonts":
        return {"session_id": session.session_id, "fonts": fonts, "owner": status["owner"]}
    return {"session_id": session.session_id, "status": status["status"], "lines": _lines(status, fonts), "owner": status["owner"]}


def _counted(tree: Tree, session: ExportSession, completed: bool) -> FontProgressTracker:
    """What the checkpoints account for; where the project is complete, the rest was left out."""
    tracker = FontProgressTracker()
    for info in session.fonts:
        if not info.accepted:
            tracker.register_font(info.font_id, info.total_samples, skipped=info.total_samples)
            continue
        checkpoint = decode(read_file(tree, layout.checkpoint_file(info.font_id)))
        _count(tracker, session, info, checkpoint.state if checkpoint is not None else FontState(info.font_id), completed)
    return tracker


def _count(tracker: FontProgressTracker, session: ExportSession, info: FontInfo, state: FontState, completed: bool) -> None:
    done = state.done | elsewhere(session, info.font_id)
    left = info.total_samples - len(done) - len(state.failed) if completed else 0
    tracker.register_font(info.font_id, info.total_samples, len(done), len(state.failed), left, done.last if done else 0)
    for reason in [*(failure.reason for failure in state.failures), *([LEFT_OUT] if left else [])]:
        tracker.fail(info.font_id, 0, reason)  # they are counted already: only the last reason is told


def _status(session: ExportSession, path: str, tracker: FontProgressTracker, told: dict[str, Any], completed: bool,
            owner: Owner | None) -> dict[str, Any]:
    """The status object, from what the checkpoints and the project's own last word, `told`, say; and who works on it."""
    life = Lifecycle(Phase.COMPLETED) if completed else recalled(told.get("status"), told.get("pause_reasons"), owner is not None)
    running = life.dispatching and owner is not None
    overall = tracker.overall(0.0)
    if running:
        overall = replace(overall, processing_rate=_figure(told, "processing_rate") or 0.0,
                          estimated_time_remaining=_figure(told, "estimated_time_remaining"))
    parts = parts_told(session)
    lost = sum(part["samples"] for part in parts if not part["in_reach"])
    answer = {
        **status_object(
            session, path, life, overall, running=running, durable=overall.exported_samples - lost,
            last_updated=str(told.get("last_updated") or session.created_at),
            reason=str(told.get("reason", "")) if life.phase is Phase.FAILED else "",
            bottleneck=str(told.get("bottleneck", "")) if running else ""),
        "parts": list(parts), "owner": _shown(owner),
    }
    moved_to = "" if completed else _moved_to(session, path)
    if moved_to:
        answer["moved_to"] = moved_to
    if owner is None and answer["status"] == "active":
        answer |= {"status": INTERRUPTED, "phase": INTERRUPTED}
    return answer


def _moved_to(session: ExportSession, path: str) -> str:
    """The folder in which the session of a project that was left went on; "" when it is this one."""
    output = gone_on_in(path, [os.path.realpath(fallback) for fallback in session.config.fallback_paths])
    return output and f"{output.rstrip('/')}/{session.project_name}"


def _figure(told: dict[str, Any], name: str) -> float | None:
    value = told.get(name)
    return float(value) if isinstance(value, (int, float)) and value >= 0 else None


def _lines(status: dict[str, Any], fonts: list[dict[str, Any]]) -> list[str]:
    owner = status["owner"]
    if "moved_to" in status:
        return [f"The storage failed here, and the session went on in {status['moved_to']}."]
    if owner is not None:
        return [f"Process {owner['pid']} on {owner['host']} works on it.", *missing(status, fonts), *other_folders(status)]
    go_on = how_to_go_on(shlex.quote(status["project_path"]))
    if status["status"] == INTERRUPTED:
        return [f"Nobody works on it: who did has ended before it was done. {go_on}", *missing(status, fonts), *other_folders(status)]
    told = explain(status, {}, fonts)
    return [*told, f"Nobody works on it. {go_on}"] if status["status"] == "paused" else told


def _shown(owner: Owner | None) -> dict[str, Any] | None:
    return None if owner is None else {"pid": owner.pid, "host": owner.host_name}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
