"""What is wrong and what to do, said in sentences: `health` of the daemon, `why` of a session. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fontmilld.core.lifecycle import Phase, Reason

Map = Mapping[str, Any]
_WHAT_LIFTS: Final[Mapping[str, str]] = {
    Reason.USER: "A user paused it; `fontmill resume` goes on.",
    Reason.DISK: "The file system of the output has too little room; make room, and it goes on by itself.",
    Reason.MEMORY: "Memory is short; it goes on by itself when some is free.",
    Reason.DRAIN: "The daemon is shutting down; it goes on when the daemon is back.",
    Reason.CRASHLOOP: "Workers keep ending, or none can be started; see logs/errors.log of the project, then `fontmill resume`.",
    Reason.FAULT: "The storage failed for good, or its folder cannot be used; mend that, then `fontmill resume`.",
}
TAKE_UP_AGAIN: Final = "`fontmill start` or `fontmill run` with the same options takes it up again."
NOTHING_LEFT: Final = "`fontmill retry-failed` tries again what failed or was left out; for more pairs begin another project."
_LIMITS: Final[Mapping[str, str]] = {
    "cpu": "drawing; more cores would make it faster",
    "disk": "waiting for the disk; a faster one would make it faster",
    "dispatch": "waiting for work, as at the start and the end of a session",
}
_TROUBLE: Final = frozenset({str(reason) for reason in Reason} - {str(Reason.USER)})
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Check:
    """One thing `health` looked at."""

    name: str
    ok: bool
    detail: str


def health(daemon: Map, sessions: Iterable[Map]) -> list[Check]:
    """The checks of a daemon, from what `status` tells of it and its sessions."""
    ready, wanted = daemon["workers_ready"], daemon["workers"]
    stuck = [f"{s['session_id']} ({', '.join(s['pause_reasons'])})" for s in sessions
             if s["status"] == "paused" and _TROUBLE.intersection(s["pause_reasons"])]
    return [
        Check("workers", ready == wanted, f"{ready} of {wanted} are up{_trouble(daemon['start_trouble'])}"),
        Check("memory", not daemon["memory_short"], f"{daemon['memory_share']:.0%} of what fontmill may use is in use"),
        Check("sessions", not stuck, f"held up: {', '.join(stuck)}" if stuck else "none is held up"),
        Check("core", ok=True, detail=_core(daemon["without_core"])),
        Check("replies", not daemon["dropped_replies"], f"{daemon['dropped_replies']} could not be delivered"),
    ]


def _trouble(cause: str) -> str:
    return f"; the last that was started did not come up: {cause}" if cause else ""


def _core(without: str) -> str:
    """Without it a daemon is as well as with it, only slower."""
    return f"drawn without the compiled core, which takes two to three times as long: {without}" if without else "the compiled core is in use"


def explain(status: Map, details: Mapping[str, str], fonts: Iterable[Map]) -> list[str]:
    """Why a session is as it is, from its status object, the detail of each pause reason, and its font entries."""
    return [*_state(status, details), *missing(status, fonts), *other_folders(status)]


def other_folders(status: Map) -> list[str]:
    """Which pairs lie in other folders, for the session has moved."""
    lines = []
    for part in status.get("parts", ()):
        if part.get("in_reach", True):
            lines.append(f"{part['samples']} of its pairs lie in {part['path']}; `fontmill repair` brings them here.")
        else:
            lines.append(f"{part['samples']} of its pairs lie in {part['path']}, which cannot be read now: bring it back, "
                         "then `fontmill repair` copies them; without it, it draws them anew.")
    return lines


def _state(status: Map, details: Mapping[str, str]) -> list[str]:
    if status["status"] == "failed":
        return [f"It has ended: {status['reason'] or 'failed'}. {TAKE_UP_AGAIN}"]
    if status["status"] == "completed":
        return ["It is complete."]
    if status["pause_reasons"]:
        return [" ".join(part for part in (_WHAT_LIFTS[reason], details.get(reason, "")) if part)
                for reason in status["pause_reasons"]]
    if status["phase"] == Phase.PREPARING:
        return ["It is being opened: the daemon looks at what is there, and then it goes on."]
    told = [f"It runs (phase {status['phase']}), {status['processing_rate']:.1f} pairs/s."]
    if status["bottleneck"] in _LIMITS:
        told.append(f"Most of the time goes into {_LIMITS[status['bottleneck']]}.")
    return told


def missing(status: Map, fonts: Iterable[Map]) -> list[str]:
    """Which samples were given up or left out, most first; from a session's status object and its font entries."""
    reasons: Counter[str] = Counter()
    for font in fonts:
        lost = font["failed_samples"] + font["skipped_samples"]
        if lost:
            reasons[f"{font['font_id']}: {font['reason'] or 'no reason is on record'}"] += lost
    if not reasons:
        return []
    total = status["failed_samples"] + status["skipped_samples"]
    lines = [f"{count} samples are missing, {reason}" for reason, count in reasons.most_common(_SHOWN)]
    if len(reasons) > _SHOWN:
        lines.append(f"{total} samples of {len(reasons)} fonts are missing in all; `fontmill fonts` names them.")
    return lines
