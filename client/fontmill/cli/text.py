"""Text for people: safe for terminals, compact, and the same on every machine."""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fontmill.errors import CATALOGUE, ExitStatus

Map = Mapping[str, Any]
REASONS = {
    "user": "paused by a user",
    "disk": "waiting for disk space",
    "memory": "waiting for memory",
    "drain": "the daemon is shutting down",
    "crashloop": "its workers kept ending",
    "fault": "the storage failed",
}
LOOKING = "looking at what is there"
SELF_HEALING = frozenset({"disk", "memory", "drain"})


def clean(value: object) -> str:
    """One line without anything a terminal would obey: control, format and line-separating characters become U+FFFD."""
    text = str(value)
    if text.isascii() and text.isprintable():
        return text
    return "".join("\ufffd" if unicodedata.category(char) in _UNSAFE else char for char in text)


_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def count(value: object) -> str:
    """A whole number with thousands separated."""
    return f"{value:,}" if isinstance(value, int) else "0"


def counted(number: object, noun: str) -> str:
    """So many of something that has a plural in s."""
    return f"{count(number)} {noun}" if number == 1 else f"{count(number)} {noun}s"


def percent(status: Map) -> str:
    """How much of a session is made, rounded down so that 100 % means all."""
    total = whole(status, "total_samples")
    return f"{whole(status, 'exported_samples') * 100 // total} %" if total else "-"


def whole(status: Map, key: str) -> int:
    """A counter of a status object; 0 when it has none."""
    value = status.get(key)
    return value if isinstance(value, int) else 0


def settled(status: Map) -> int:
    """Samples that need no more work."""
    return sum(whole(status, f"{kind}_samples") for kind in ("exported", "failed", "skipped"))


def duration(seconds: object) -> str:
    """Seconds as people say them; `-` when unknown."""
    if not isinstance(seconds, (int, float)) or not 0 <= seconds < 1e10:
        return "-"
    whole_seconds = int(seconds + 0.5)
    if whole_seconds < 60:
        return f"{whole_seconds} s"
    minutes, rest = divmod(whole_seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def rate(value: object) -> str:
    """Pairs per second."""
    return f"{value:,.1f} pairs/s" if isinstance(value, (int, float)) else "-"


def unread(status: Map) -> bool:
    """Whether the daemon has yet to look into the project: its counters tell nothing."""
    return status.get("phase") == "preparing" and not whole(status, "total_samples")


def running(status: Map) -> bool:
    """Whether a session goes on."""
    return status.get("status") == "active"


def why(status: Map) -> str:
    """Why a session is not running, or an empty text."""
    if unread(status) and running(status):
        return LOOKING
    if status.get("status") == "interrupted":
        return "nobody works on it"
    told = str(status.get("reason") or "")
    words = dict(REASONS)
    if told in CATALOGUE and "fault" in (status.get("pause_reasons") or ()):
        meaning, told = CATALOGUE[told].meaning.rstrip("."), ""
        words["fault"] = meaning[:1].lower() + meaning[1:]
    reasons = [words.get(str(reason), str(reason)) for reason in status.get("pause_reasons") or ()]
    return clean(", ".join([*reasons, *([told] if told else [])]))


def fonts_done(status: Map) -> str:
    """Finished fonts of all, e.g. `3/10`."""
    by_status = status.get("fonts")
    numbers = {k: v for k, v in by_status.items() if isinstance(v, int)} if isinstance(by_status, Mapping) else {}
    return f"{numbers.get('completed', 0)}/{sum(numbers.values())}"


def project(status: Map) -> str:
    """The folder of a session's dataset; empty when it is not told."""
    if status.get("project_path"):
        return clean(status["project_path"])
    folder = str(status.get("output_path") or "").rstrip("/")
    return clean(f"{folder}/{status.get('project_name', '')}") if folder else ""


def facts(status: Map) -> str:
    """How fast a session goes, how long it will take, and how far its fonts are."""
    if unread(status):
        return why(status)
    active = running(status)
    parts = [rate(status.get("processing_rate")), f"{duration(status.get('estimated_time_remaining'))} left"] if active else []
    parts.append(f"fonts {fonts_done(status)}")
    if whole(status, "failed_samples"):
        parts.append(f"{count(status['failed_samples'])} failed")
    if active and status.get("bottleneck"):
        parts.append(f"limited by {clean(status['bottleneck'])}")
    return ", ".join(parts)


def parts_lines(status: Map, folder: str) -> list[str]:
    """Where other pairs of the session lie that `folder` names: a line for each of its parts, and one how to bring them together."""
    parts = [part for part in status.get("parts") or () if isinstance(part, Mapping)]
    lines = [f"{counted(whole(part, 'samples'), 'pair')} not in this folder, but in {clean(part.get('path', ''))}"
             + ("" if part.get("in_reach", True) else ", which cannot be read now") for part in parts]
    if not lines:
        return []
    again = "" if all(part.get("in_reach", True) for part in parts) else ", and draws anew what cannot be read"
    return [*lines, f"`fontmill repair {clean(shlex.quote(folder))}` brings them together{again}"]


def state(status: Map) -> str:
    """The status in words, with the reason where there is one."""
    reason = why(status)
    return clean(status.get("status", "")) + (f" ({reason})" if reason else "")


def status_line(status: Map) -> str:
    """A session in one line."""
    if unread(status):
        return f"{clean(status.get('project_name', ''))}: {state(status)}"
    pairs = f"{count(whole(status, 'exported_samples'))} of {count(whole(status, 'total_samples'))} pairs"
    return f"{clean(status.get('project_name', ''))}: {state(status)}, {pairs}, {facts(status)}"


def status_lines(status: Map) -> list[str]:
    """A session as a block of lines."""
    head = [
        ("session", clean(status.get("session_id", ""))),
        ("dataset", project(status)),
        ("status", state(status)),
        ("moved to", clean(status.get("moved_to") or "")),
    ]
    rows = head if unread(status) else [*head, *_counters(status), *(("elsewhere", line) for line in parts_lines(status, project(status)))]
    return [f"{label:<11}{text}" for label, text in rows if text]


def _counters(status: Map) -> list[tuple[str, str]]:
    pairs = f"{count(whole(status, 'exported_samples'))} of {count(whole(status, 'total_samples'))} ({percent(status)})"
    missing = f"{count(whole(status, 'failed_samples'))} failed, {count(whole(status, 'skipped_samples'))} skipped"
    rows = [("pairs", f"{pairs}, {missing}")]
    if isinstance(status.get("fonts"), Mapping):
        rows.append(("fonts", ", ".join(f"{count(n)} {clean(kind)}" for kind, n in status["fonts"].items() if n) or "0"))
    if running(status):
        rows.append(("rate", f"{rate(status.get('processing_rate'))}, {duration(status.get('estimated_time_remaining'))} left"))
        rows.append(("phase", clean(status.get("phase") or "-")))
        rows.append(("limited by", clean(status.get("bottleneck") or "-")))
    if "durable_samples" in status:
        rows.append(("durable", f"{count(whole(status, 'durable_samples'))} pairs survive power loss"))
    return rows


def daemon_lines(daemon: Map) -> list[str]:
    """The daemon in two lines."""
    workers = f"{count(daemon.get('workers_ready'))} of {count(daemon.get('workers'))} workers"
    share = daemon.get("memory_share")
    memory = f", {share:.0%} of the memory in use" if isinstance(share, float) else ""
    core = ", without the compiled core" if daemon.get("without_core") else ""
    return [f"{'daemon':<11}process {clean(daemon.get('pid', '-'))}, up {duration(daemon.get('uptime'))}, {workers}{memory}{core}"]


def sessions_table(sessions: Iterable[Map]) -> list[str]:
    """Sessions as a table with a heading."""
    rows = [
        (
            str(s.get("session_id", "")), str(s.get("project_name", "")), str(s.get("status", "")),
            "-" if unread(s) else f"{count(whole(s, 'exported_samples'))}/{count(whole(s, 'total_samples'))}", percent(s),
            rate(s.get("processing_rate")) if s.get("status") == "active" and not unread(s) else "-",
            duration(s.get("estimated_time_remaining")) if s.get("status") == "active" else "-", why(s),
        )
        for s in sessions
    ]
    return table(("SESSION", "PROJECT", "STATUS", "PAIRS", "DONE", "RATE", "LEFT", "WHY"), rows)


def table(heading: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Left-aligned columns, as wide as their widest cell on a terminal."""
    cells = [list(heading), *([clean(cell) for cell in row] for row in rows)]
    widths = [max(width(row[i]) for row in cells) for i in range(len(heading))]
    return ["  ".join(cell + " " * (widths[i] - width(cell)) for i, cell in enumerate(row)).rstrip() for row in cells]


def width(text: str) -> int:
    """Columns a text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def lacking(status: Map) -> int:
    """Pairs that were wanted and are given up: not those of fonts that the user's own options leave out."""
    return whole(status, "failed_samples") + whole(status, "skipped_samples") - whole(status, "excluded_samples")


def outcome(status: Map, borne: int = 0) -> ExitStatus:
    """The exit status that a session's final status object stands for, where `borne` pairs may be lacking."""
    if status.get("status") == "failed":
        return ExitStatus.FAILED
    whole_now = status.get("status") == "completed" and lacking(status) <= borne
    return ExitStatus.OK if whole_now else ExitStatus.INCOMPLETE
