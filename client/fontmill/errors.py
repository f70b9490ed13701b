"""The error taxonomy both sides share: stable slugs, codes, what to do next, and exit statuses.

Bands: 1xx protocol, 2xx access, 3xx state, 4xx capacity and resources, 5xx server and storage.
A slug never changes its meaning; `docs/errors.md` is generated from `CATALOGUE`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class ExitStatus(enum.IntEnum):
    """Exit statuses of `fontmill` and `fontmilld`."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_RUNNING = 3
    DENIED = 4
    BUSY = 5
    INCOMPATIBLE = 6
    INCOMPLETE = 7
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One row of the catalogue. `recoverable` follows the original design's two categories."""

    slug: str
    code: int
    meaning: str
    action: str
    retryable: bool = False
    exit_status: ExitStatus = ExitStatus.FAILED

    @property
    def category(self) -> str:
        """`recoverable` when trying again can help by itself, else `non-recoverable`."""
        return "recoverable" if self.retryable else "non-recoverable"


def _kinds() -> tuple[ErrorKind, ...]:
    k, x = ErrorKind, ExitStatus
    return (
        # 1xx protocol
        k("bad-frame", 100, "The message is not in fontmill's framing.", "Send two frames: FM1 and a msgpack map.", False, x.INCOMPATIBLE),
        k("bad-request", 101, "The envelope of the request is not valid.", "See docs/protocol.md for the envelope.", False, x.USAGE),
        k("unknown-verb", 102, "There is no such verb.", "Run `fontmill --help` for the verbs.", False, x.USAGE),
        k("invalid-argument", 103, "An argument is missing or not valid.", "Correct the named argument.", False, x.USAGE),
        k("version-mismatch", 104, "Client and daemon speak different protocol versions.", "Install the same fontmill version on both sides.", False, x.INCOMPATIBLE),
        k("message-too-large", 105, "The message is larger than the protocol allows.", "Split the request.", False, x.USAGE),
        k("no-fonts", 106, "No font files were found.", "Name font files, or folders that hold .ttf, .otf, .ttc, .otc or .otb files.", False, x.USAGE),
        # 2xx access
        k("denied", 200, "The caller may not do this.", "Ask the operator of the daemon for the role this verb needs.", False, x.DENIED),
        k("path-not-allowed", 201, "The path is outside the allowed roots.", "Choose a path beneath an allowed root, or start fontmilld with --allow-root.", False, x.DENIED),
        k("path-unwritable", 202, "The output path cannot be written.", "Choose a folder that fontmill's user can write to.", False, x.DENIED),
        k("path-unreadable", 203, "A file or folder of the project cannot be read.", "Let fontmill's user read it.", False, x.DENIED),
        # 3xx state
        k("unknown-session", 300, "There is no such session.", "Run `fontmill list` for the sessions.", False, x.FAILED),
        k("ambiguous-session", 301, "More than one session has this prefix.", "Give more characters of the session id.", False, x.USAGE),
        k("wrong-state", 302, "The session's state does not allow this.", "Run `fontmill why SESSION`: it says why, and what would change that.", False, x.FAILED),
        k("project-owned", 303, "Another daemon owns this project.", "It may be another `fontmill run`: wait for it or stop it, or use the other daemon through its own socket.", True, x.BUSY),
        k("project-differs", 304, "The project exists with another configuration.", "Use the same options as before, another --project name, or delete the old project.", False, x.FAILED),
        k("fingerprint-differs", 305, "The project was begun with other library versions, which draw other pixels.", "Install the versions named, go on with `--force` (the rest may differ in single pixels), or start a new project.", False, x.INCOMPATIBLE),
        k("no-usable-fonts", 306, "Every font was refused.", "Supply other fonts; the reasons are given.", False, x.FAILED),
        k("tree-corrupt", 307, "A state file of the project is damaged.", "Run `fontmill verify` and `fontmill repair` on the project. They cannot help where `session.json` itself is damaged: restore it from a copy, or run the same command with the same options in a new folder; pairs and labels that are there stay usable.", False, x.FAILED),
        k("shutting-down", 308, "The daemon is shutting down.", "Try again when it is back.", True, x.BUSY),
        k("cancelled", 309, "The session was cancelled.", "Start it again to go on, or begin a new project.", False, x.FAILED),
        k("unsupported-schema", 310, "A state file was written by a newer fontmill.", "Use the fontmill version that wrote it, or a newer one.", False, x.INCOMPATIBLE),
        k("text-missing", 311, "The text that the session was begun with is no longer in the project, or has changed.", "Start the project again with the same text.", False, x.FAILED),
        # 4xx capacity and resources
        k("disk-full", 400, "There is not enough space on the output's file system.", "Free space; the session resumes by itself.", False, x.FAILED),
        k("memory-pressure", 401, "The machine is short of memory.", "Free memory or use fewer workers.", True, x.BUSY),
        k("too-many-sessions", 402, "The daemon holds as many sessions as it may.", "Wait for one to finish, or cancel one.", True, x.BUSY),
        k("timed-out", 403, "The answer did not come in time.", "Try again, or give a longer --timeout.", True, x.BUSY),
        k("busy", 404, "The daemon is busy with this session.", "Try again in a moment.", True, x.BUSY),
        k("no-workers", 405, "No render process can be started.", "The log of fontmilld has what they said. See that the machine has room for more processes and memory (`ulimit -u`, `ulimit -v`); fontmilld keeps trying.", True, x.FAILED),
        # 5xx server, storage, rendering
        k("internal", 500, "The daemon met an error it did not expect.", "Look up the error id in the daemon's log and report it.", False, x.FAILED),
        k("storage-failed", 501, "The storage answered with an error.", "Check the disk or network storage, then resume.", True, x.FAILED),
        k("not-running", 502, "No daemon answers on the socket.", "Start fontmilld, or use `fontmill run`, which needs none.", True, x.NOT_RUNNING),
        k("font-unreadable", 510, "The font cannot be opened.", "Supply an intact font file.", False, x.FAILED),
        k("font-no-drawable-glyphs", 511, "The font draws nothing.", "Supply a font with outlines for text.", False, x.FAILED),
        k("font-bitmap-only", 512, "The font has bitmaps only, and none that can be drawn in this picture.", "Choose an image height that fits a strike.", False, x.FAILED),
        k("font-color-only", 513, "The font has colour glyphs only.", "Supply a font with outlines.", False, x.FAILED),
        k("font-too-large", 514, "The font needs more memory than allowed.", "Raise the probe's memory limit, or leave the font out.", False, x.FAILED),
        k("font-timed-out", 515, "Inspecting the font took too long.", "Leave the font out, or raise the probe's time limit.", False, x.FAILED),
        k("font-crashed", 516, "Inspecting the font ended its process.", "Leave the font out.", False, x.FAILED),
        k("font-changed", 517, "The font file changed since the session started.", "Restore the font file, then `fontmill retry-failed`.", False, x.FAILED),
        k("font-no-text", 518, "The font draws no text of the chosen source.", "Choose another --text source, or leave the font out.", False, x.FAILED),
        k("font-licence", 519, "The font's licence is not among the allowed ones.", "Leave the font out, or allow its licence with --licences.", False, x.FAILED),
        k("render-failed", 520, "The sample could not be drawn.", "Run `fontmill retry-failed`, or leave it out.", False, x.INCOMPLETE),
        k("text-unfit", 521, "No text of this font fits the image.", "Use a larger image or another text source.", False, x.INCOMPLETE),
        k("sample-poison", 522, "The sample ends or hangs its process.", "Leave it out; report the font.", False, x.INCOMPLETE),
        k("out-of-memory", 523, "Drawing the sample took more memory than there is.", "Use fewer workers or smaller images, then `fontmill retry-failed`.", True, x.INCOMPLETE),
        k("text-unshapable", 524, "The font makes more glyphs of a text than can be shaped.", "Leave it out, or leave the font out.", False, x.INCOMPLETE),
        k("renderer-incomplete", 530, "This machine lacks a part that rendering needs.", "Install what is named.", False, x.FAILED),
    )


CATALOGUE: Mapping[str, ErrorKind] = {kind.slug: kind for kind in _kinds()}


@dataclass(eq=False)
class FontmillError(Exception):
    """An error that may be shown to a user: one sentence, what to do, and whether retrying can help.

    `slug` must be in `CATALOGUE`. `message` never holds a traceback or a path the caller did not send.
    """

    slug: str
    message: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    action: str = ""
    after_ms: int | None = None

    def __post_init__(self) -> None:
        kind = CATALOGUE[self.slug]
        self.message = self.message or kind.meaning
        self.action = self.action or kind.action
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message} {self.action}"

    @property
    def kind(self) -> ErrorKind:
        """The catalogue row of this error."""
        return CATALOGUE[self.slug]

    @property
    def exit_status(self) -> ExitStatus:
        """The exit status a command ends with because of this error."""
        return self.kind.exit_status

    def to_dict(self) -> dict[str, Any]:
        """The keywords that make it again, as JSON can hold them."""
        return {"slug": self.slug, "message": self.message, "details": self.details, "action": self.action}

    def to_wire(self) -> dict[str, Any]:
        """The `e` map of a reply (docs/protocol.md)."""
        wire: dict[str, Any] = {
            "c": self.kind.code, "n": self.slug, "m": self.message, "action": self.action,
            "retry": self.kind.retryable,
        }
        if self.after_ms is not None:
            wire["after"] = self.after_ms
        if self.details:
            wire["d"] = self.details
        return wire

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> FontmillError:
        """Rebuild from a reply's `e` map, whatever it holds; a slug this side does not know becomes `internal`."""
        slug, details, after = str(wire.get("n", "internal")), wire.get("d"), wire.get("after")
        return cls(
            slug if slug in CATALOGUE else "internal",
            str(wire.get("m") or ""), dict(details) if isinstance(details, Mapping) else {},
            str(wire.get("action") or ""), after if isinstance(after, int) else None,
        )


def how_to_go_on(folder: str) -> str:
    """The sentence for an unfinished project in `folder` (as a shell takes it) that nobody works on."""
    return (f"Go on with the same `fontmill run` or `fontmill start`, with `fontmill retry-failed {folder}`, "
            "or by starting again the `fontmilld` that had it.")


def invalid(field_path: str, sentence: str) -> FontmillError:
    """An `invalid-argument` error naming the offending field, e.g. `fonts[2]`."""
    return FontmillError("invalid-argument", f"{field_path}: {sentence}", {"field": field_path})
