"""What the daemon tells, in tables: the keys of the status object and of the daemon's own, and the kinds of events.

docs/protocol.md is made from them; tests hold the daemon against them. Nothing that runs reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """Keys of a map that are told together: their type, and what they mean."""

    names: tuple[str, ...]
    type: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Event:
    """A kind of event: what its `d` holds, and when it comes. `of_session` tells whether `session` is set."""

    data: str
    meaning: str
    of_session: bool = True


STATUS: tuple[Key, ...] = (
    Key(("session_id",), "text", ""),
    Key(("project_name", "output_path"), "text", "the project's name, and the folder it lies in: a fallback path, once the session has moved there"),
    Key(("project_path",), "text", "where the dataset lies: `output_path/project_name`"),
    Key(("status",), "text", "`active`, `paused`, `completed` or `failed`"),
    Key(("pause_reasons",), "list of text", "`user`, `disk`, `memory`, `drain`, `crashloop`, `fault`; the session runs when it is empty. "
        "`disk`, `memory` and `drain` go by themselves"),
    Key(("reason",), "text", "why it failed, e.g. `cancelled`"),
    Key(("total_samples", "exported_samples", "failed_samples", "skipped_samples"), "int", "pairs; when completed, total = exported + failed + skipped"),
    Key(("excluded_samples",), "int", "of `skipped_samples`, those of fonts that the session's own options (`licences`) leave out"),
    Key(("total_images", "exported_images", "failed_images"), "int", "picture files"),
    Key(("durable_samples",), "int", "pairs that survive a power loss now"),
    Key(("processing_rate",), "float", "pairs per second, smoothed"),
    Key(("estimated_time_remaining",), "float or nil", "seconds"),
    Key(("created_at", "last_updated"), "text", "ISO 8601, UTC"),
    Key(("fonts",), "map", "number of fonts by `pending`, `processing`, `completed`, `failed`, `skipped`"),
    Key(("phase",), "text", "`preparing` (the project is being opened: the counters are 0 until it is read), `rendering`, `finishing`, `completed`, `failed`"),
    Key(("quiescent",), "bool", "no picture of this session is being written"),
    Key(("in_flight_samples",), "int", "pairs that workers have in hand"),
    Key(("bottleneck",), "text", "what holds the session up"),
    Key(("parts",), "list of maps", "`{path, samples}`: pairs of the session that lie in projects it has moved from; `repair` brings them together. `fontmill status` "
        "of a folder, without a daemon, adds `in_reach`: whether that project can be read now; "
        "and, of a project that was left, `moved_to`: the folder where its session went on"),
)

DAEMON: tuple[Key, ...] = (
    Key(("pid", "boot", "uptime"), "int, text, float", "its process, this run of it, seconds since it began"),
    Key(("workers", "workers_ready", "worker_pids"), "int, int, list of int", "render processes: wanted, and ready now"),
    Key(("memory_share", "memory_short"), "float, bool", "how much of the memory is in use, and whether sessions wait for some"),
    Key(("without_core",), "text", "why drawing goes on without the compiled core; empty when it is in use"),
    Key(("start_trouble",), "text", "why the last render process that was to be started was not; empty when it was"),
    Key(("dropped_replies",), "int", "answers that nobody took"),
    Key(("private",), "bool", "it serves one command, and ends with it"),
)

_STATUS_OBJECT = "the status object"
EVENTS: Mapping[str, Event] = {
    "session-started": Event(_STATUS_OBJECT, "a session is open: begun, or taken up again"),
    "session-paused": Event("`{reason, detail}`", "one more reason not to run"),
    "session-resumed": Event("`{reasons}`", "a reason is gone; those that are left"),
    "session-moved": Event(_STATUS_OBJECT, "it goes on in a fallback path"),
    "session-completed": Event(_STATUS_OBJECT, "everything is made or accounted for"),
    "session-failed": Event("`{slug, message}`", "it has ended otherwise, e.g. `cancelled`"),
    "font-started": Event("`{font}`", "the first pair of a font is given out"),
    "font-completed": Event("`{font, done, failed}`", "no pair of a font is left to make"),
    "font-failed": Event("`{font, done, failed}`", "the same, and not one of its pairs is made"),
    "font-changed": Event("`{font, reason}`", "a font's file is another now; the rest of the font is given up"),
    "batch": Event("`{font, first, last, done, failed, durable}`", "the pairs `first` to `last` of a font are on record; `durable`: a power loss does not take them"),
    "progress": Event(_STATUS_OBJECT, "at most five a second and session"),
    "verify-progress": Event("`{project_path, checked, checks_left}`", "a verification, or a repair's, goes on: files looked at, pieces left; at most two a second"),
    "verify-completed": Event("`{ok, checked, damaged}`", "a verification has ended; `damaged` is a number"),
    "delete-progress": Event("`{project_path, removed_images, total_images}`", "a deletion goes on; at most two a second"),
    "worker-died": Event("`{worker, cause}`", "a render process ended unasked, and is replaced", of_session=False),
    "memory-warning": Event("`{share}`", "memory becomes short", of_session=False),
    "daemon-started": Event("the daemon's keys", "the first event of a run", of_session=False),
    "daemon-stopping": Event("`{}`", "the last one, but for what sessions say as they stop", of_session=False),
}
