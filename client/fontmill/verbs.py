"""The one table of verbs: what each takes, who may call it, and what it is for.

Argument validation, the command line and docs/protocol.md are all made from `VERBS`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fontmill import pictures
from fontmill.errors import FontmillError, invalid
from fontmill.pictures import COLORS, MAX_PRESET_BYTES, MAX_TEXT_BYTES, PRESETS, TEXT_SOURCES

Kind = Literal["str", "text", "int", "float", "bool", "path", "paths", "strs", "map"]
Role = Literal["viewer", "operator", "admin"]
DURABILITIES = ("batch", "relaxed")
SEED_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Arg:
    """One argument: its kind, limits, and its spelling on the command line (`flag`, "" for positional).

    `max_length` counts bytes of UTF-8; `pattern` must match the whole text.
    """

    name: str
    kind: Kind
    help: str
    required: bool = False
    default: Any = None
    minimum: int | None = None
    maximum: int | None = None
    max_length: int = 4096
    pattern: str = ""
    choices: tuple[str, ...] = ()
    flag: str | None = None


@dataclass(frozen=True, slots=True)
class Verb:
    """One row of the table. `reply` describes `r`; `mutating` verbs leave an audit line."""

    name: str
    help: str
    args: tuple[Arg, ...] = ()
    role: Role = "viewer"
    mutating: bool = False
    reply: str = ""


SESSION = Arg("session", "str", "Session id, a unique prefix of it, or the absolute path of its project.", required=True, flag="")
STATUS_REPLY = "The status object of the session."
FONTS = Arg("fonts", "paths", "Font files, or folders searched for them recursively; absolute on the wire.", required=True, flag="--fonts")
PICTURE_ARGS = (
    Arg("image_width", "int", "Width of every picture in px.", default=256, minimum=16, maximum=4096, flag="--width"),
    Arg("image_height", "int", "Height of every picture in px.", default=64, minimum=16, maximum=4096, flag="--height"),
    Arg("seed", "int", "Seed of every random choice; the same seed makes the same bytes.", default=0, minimum=0, maximum=SEED_MAX, flag="--seed"),
    Arg("style_variations", "bool", "Vary size, weight, slant, colour, spacing and background.", default=False, flag="--style-variations"),
    Arg("enable_special_effects", "bool", "Draw shadows, outlines, glow, emboss and the like.", default=False, flag="--special-effects"),
    Arg("effects", "strs", "Draw these special effects only; effects of installed packages have names too.", default=(), max_length=60, flag="--effects"),
    Arg("preset", "str", f"Blur and noise: {', '.join(PRESETS)}, or a preset of your own in a TOML file (.toml).", default=PRESETS[0], max_length=100, flag="--preset"),
    Arg("preset_source", "text", "The TOML of a preset of your own; `preset` is its name.", default="", max_length=MAX_PRESET_BYTES),
    Arg("color", "str", "Gray (one channel) or RGB pictures.", default="gray", choices=COLORS, flag="--color"),
    Arg("text", "str", f"Where the text comes from: {', '.join(TEXT_SOURCES)}, or a mixture such as words:0.7,codes:0.3.", default="words", max_length=200, flag="--text"),
    Arg("text_content", "text", "The text that the source `user` draws from.", default="", max_length=MAX_TEXT_BYTES),
    Arg("text_lines", "int", "Lines of text in a picture.", default=1, minimum=1, maximum=8, flag="--lines"),
    Arg("text_min_words", "int", "Fewest words a line, where the text has words.", default=1, minimum=1, maximum=100, flag="--min-words"),
    Arg("text_max_words", "int", "Most words a line.", default=6, minimum=1, maximum=100, flag="--max-words"),
    Arg("text_min_chars", "int", "Fewest characters a line, where the text has no words.", default=3, minimum=1, maximum=100, flag="--min-chars"),
    Arg("text_max_chars", "int", "Most characters a line, where the text has no words.", default=14, minimum=1, maximum=100, flag="--max-chars"),
    Arg("licences", "strs", "Use only fonts with one of these licences, such as OFL-1.1 (as `fontmill fonts` names them); others are refused.", default=(), max_length=60, flag="--licences"),
)
START_ARGS = (
    Arg("output_path", "path", "Folder in which the project folder is made; absolute on the wire.", required=True, flag="--out"),
    Arg("project_name", "str", "Name of the project folder: letters, digits, `.`, `_`, `-`.", required=True, max_length=100, pattern=r"\w[\w.-]*", flag="--project"),
    FONTS,
    Arg("num_samples", "int", "Pairs to make for each font.", default=100, minimum=1, maximum=10_000_000, flag="--samples"),
    *PICTURE_ARGS,
    Arg("png_level", "int", "How PNG files are compressed: 0 not at all, 1 by fontmill, fast, 2 to 12 by libdeflate, ever slower (noise hardly gets smaller).", default=1, minimum=0, maximum=12, flag="--png-level"),
    Arg("masks", "bool", "Also write, for each pair, which pixel belongs to which character.", default=False, flag="--masks"),
    Arg("psf_images", "bool", "Also write, for each pair, its blur kernel as a picture.", default=False, flag="--psf-images"),
    Arg("compress_metadata", "bool", "Keep the labels as `metadata.jsonl.gz` once complete; `load_dataset` needs them unpacked.", default=False, flag="--compress-metadata"),
    Arg("fallback_paths", "paths", "Folders to go on in when the storage of the output fails for good during the work. A full disk is waited for instead.", default=(), flag="--fallback"),
    Arg("durability", "str", "`batch`: a checkpoint survives power loss; `relaxed`: only a crash of fontmill.", default="batch", choices=DURABILITIES, flag="--durability"),
    Arg("force", "bool", "Go on although the project was begun with other library versions.", default=False, flag="--force"),
)

_ROWS = (
    Verb("hello", "Negotiate the protocol version and learn what this daemon can do.",
         (Arg("min", "int", "Lowest version the client speaks.", default=1, minimum=1),
          Arg("max", "int", "Highest version the client speaks.", default=1, minimum=1)),
         reply="`{version, features, daemon_version, boot, pid, workers}`"),
    Verb("ping", "Answer at once.", reply="`{boot, uptime}`"),
    Verb("start", "Start a session, or take up the one that this project holds.", START_ARGS, "operator", True,
         "`{session_id, project_path, resumed, status, accepted_fonts, refused_fonts, lacking_text}`; `lacking_text` names, by text source, the fonts that can draw nothing of it."),
    Verb("preview", "Draw a contact sheet of a configuration before a session is started. Keeps nothing.",
         (FONTS, *PICTURE_ARGS,
          Arg("pairs", "int", "Pairs on the sheet, of fonts chosen evenly from those given.", default=12, minimum=1, maximum=60, flag="--pairs"),
          Arg("columns", "int", "Pairs in a row.", default=3, minimum=1, maximum=8, flag="--columns")), "operator",
         reply="`{sheet, pairs, fonts, refused_fonts, lacking_text}`; `sheet` is a PNG file."),
    Verb("pause", "Stop dispatching; batches in flight are finished.", (SESSION,), "operator", True, STATUS_REPLY),
    Verb("resume", "Lift the reasons `user`, `crashloop` and `fault`, and go on.", (SESSION,), "operator", True, STATUS_REPLY),
    Verb("status", "Status of one session, or of the daemon and all its sessions.",
         (Arg("session", "str", SESSION.help, flag=""),), reply="The status object, or `{daemon, sessions}`."),
    Verb("list", "The sessions this daemon knows; all, or those at a path, or with a font.",
         (Arg("output_path", "path", "Only those in this output folder, or of this project; absolute on the wire.", flag="--out"),
          Arg("fonts", "strs", "Only those with one of these fonts, by id, family or SHA-256.", default=(), flag="--with-fonts")),
         reply="`{sessions}`, a status object each."),
    Verb("wait", "Answer when the session completes, fails or pauses.",
         (SESSION, Arg("quiescent", "bool", "Also wait until no picture is being written.", default=True, flag=None)),
         reply=STATUS_REPLY),
    Verb("fonts", "Every face of the session and every refused file.", (SESSION,),
         reply="`{fonts: [{font_id, source, status, reason, ...}]}`"),
    Verb("cancel", "End the session; what is made stays, and `start` with the same options takes it up again.", (SESSION,), "operator", True, STATUS_REPLY),
    Verb("complete", "Finish a session as it stands, also one that runs; what is missing counts as skipped, until it is started again.", (SESSION,), "operator", True,
         "The session summary."),
    Verb("detect", "Sessions found on disk at a path or in the folders of it, complete ones too.",
         (Arg("path", "path", "Output folder or project folder; absolute on the wire.", required=True, flag=""),),
         reply="`{sessions: [{session_id, project_path, completed, total_samples, exported_samples, known, ...}]}`"),
    Verb("adopt", "Take up a project that another daemon or machine began, and go on with it.",
         (Arg("path", "path", "The project folder; absolute on the wire.", required=True, flag=""),
          Arg("fonts", "paths", "Where its font files are on this machine, if elsewhere; they are recognised by content.",
              default=(), flag="--fonts")), "operator", True, "As of `start`."),
    Verb("verify", "Hold a project against its labels, with all workers. Changes nothing.",
         (SESSION, Arg("level", "str", "quick: names and sizes; full: digests; deep: draw again and compare.", default="full",
                       choices=("quick", "full", "deep"), flag="--level")),
         reply="`{ok, checked, damaged: [{file, kind, font_id, index}], left_out, parts}`; `left_out` counts findings that are not listed; `parts`, `[{path, samples, in_reach}]`, are other folders where pairs of the session lie, which are not looked at: one that is not in reach is a finding of kind `out-of-reach`."),
    Verb("repair", "Verify in full, then make anew what is damaged, and only that.", (SESSION,), "operator", True,
         "`{checked, damaged, foreign, litter, remade_samples, rewritten_files, gathered_samples, parts, session_id, status}`; `foreign` of the `damaged` are left alone, `litter` is removed, `rewritten_files` are those beside pictures and labels. `parts`, as in `verify`, are brought together: `gathered_samples` are copied, what cannot be read is drawn anew."),
    Verb("retry-failed", "Try every failed sample of a session again, and make what is missing yet.", (SESSION,), "operator", True, "As of `start`."),
    Verb("rebuild", "Draw one pair anew, alone, and hand it over; changes nothing.",
         (SESSION, Arg("font", "str", "The font's id, as in the project.", required=True, max_length=80, flag=""),
          Arg("index", "int", "The pair's index, from 1.", required=True, minimum=1, maximum=10_000_000, flag="")), "operator",
         reply="`{font_id, index, files: {name: bytes}, label, as_recorded}`; `as_recorded` is none when the project has no label of it."),
    Verb("delete", "Remove a session and the files it made; files of others stay.", (SESSION,), "operator", True,
         "`{session_id, project_path, exported_samples, foreign_files}`; `exported_samples` are the pairs that were removed."),
    Verb("events", "Events after a mark, from the replay ring.",
         (Arg("boot", "str", "The boot id the mark belongs to.", default="", max_length=64, flag=None),
          Arg("since", "int", "The last sequence number seen.", default=0, minimum=0, flag=None),
          Arg("session", "str", "Only events of this session.", flag="")),
         reply="`{boot, seq, complete, events}`; `complete` is false when older events are gone."),
    Verb("health", "Whether the daemon and its sessions are well.", reply="`{ok, checks: [{name, ok, detail}]}`"),
    Verb("why", "Why a session is as it is, and what would change that.", (SESSION,), reply="`{session_id, status, lines}`, sentences."),
    Verb("metrics", "Counts, rates and where the time goes, of the daemon and each session.",
         reply="`{daemon, sessions: [{session_id, stats, performance}]}`"),
    Verb("config", "The settings in force.", role="admin", reply="The settings of docs/operations.md, by name."),
    Verb("shutdown", "Finish the batches in flight, checkpoint, and end the daemon.", (), "admin", True, "`{}`"),
)
VERBS: Mapping[str, Verb] = {verb.name: verb for verb in _ROWS}


def validate(op: str, args: Mapping[str, Any]) -> dict[str, Any]:
    """The verb's arguments with defaults filled in; unknown keys are ignored.

    Raises `unknown-verb`, or `invalid-argument` with the path of the offending field.
    """
    verb = VERBS.get(op)
    if verb is None:
        raise FontmillError("unknown-verb", f"There is no verb {op[:40]!r}.")
    checked = {arg.name: _checked(arg, args.get(arg.name)) for arg in verb.args}
    if PICTURE_ARGS[0] in verb.args:
        pictures.check(checked)
    return checked


def refuse_unknown(op: str, args: Mapping[str, Any]) -> None:
    """Raise `invalid-argument` for a name that the verb does not take: at the caller's side it is a slip."""
    verb = VERBS.get(op)
    known = [arg.name for arg in verb.args] if verb is not None else list(args)
    for name in args:
        if name not in known:
            raise invalid(name, f"{op} takes no such argument.{_meant(name, known)}")


def _meant(name: str, known: Sequence[str]) -> str:
    import difflib  # noqa: PLC0415  for slips alone

    near = difflib.get_close_matches(name, known, 1)
    return f" Did you mean {near[0]}?" if near else ""


def _checked(arg: Arg, value: Any) -> Any:
    if value is None:
        if arg.required:
            raise invalid(arg.name, "this argument is required.")
        return arg.default
    check = _CHECKS[arg.kind]
    return check(arg, value, arg.name)


def _check_int(arg: Arg, value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(where, "a whole number is required.")
    if arg.minimum is not None and value < arg.minimum:
        raise invalid(where, f"at least {arg.minimum} is required, not {value}.")
    if arg.maximum is not None and value > arg.maximum:
        raise invalid(where, f"at most {arg.maximum} is allowed, not {value}.")
    return value


def _check_float(arg: Arg, value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= sys.float_info.max:
        raise invalid(where, "a finite number is required.")
    return float(value)


def _check_bool(arg: Arg, value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise invalid(where, "true or false is required.")
    return value


def _check_text(arg: Arg, value: Any, where: str) -> str:
    """Text of any number of lines."""
    if not isinstance(value, str):
        raise invalid(where, "text is required.")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise invalid(where, "text in UTF-8 is required.") from None
    if size > arg.max_length:
        raise invalid(where, f"at most {arg.max_length} bytes are allowed.")
    return value


def _check_str(arg: Arg, value: Any, where: str) -> str:
    text = _check_text(arg, value, where)
    if any(ord(char) < 32 or 127 <= ord(char) < 160 for char in text):
        raise invalid(where, "control characters are not allowed.")
    if arg.required and not text:
        raise invalid(where, "this argument must not be empty.")
    if arg.pattern and not re.fullmatch(arg.pattern, text):
        raise invalid(where, "only letters, digits, `.`, `_` and `-` are allowed, and `.` and `-` not at the front.")
    if arg.choices and text not in arg.choices:
        raise invalid(where, f"choose one of {', '.join(arg.choices)}, not {text[:60]!r}.")
    return text


def _check_path(arg: Arg, value: Any, where: str) -> str:
    text = _check_str(arg, value, where)
    if not text.startswith("/"):
        raise invalid(where, "an absolute path is required.")
    if ".." in text.split("/"):
        raise invalid(where, "`..` is not allowed in a path.")
    return text


def _check_paths(arg: Arg, value: Any, where: str) -> tuple[str, ...]:
    paths = _check_list(arg, value, where)
    return tuple(_check_path(arg, item, f"{where}[{i}]") for i, item in enumerate(paths))


def _check_strs(arg: Arg, value: Any, where: str) -> tuple[str, ...]:
    return tuple(_check_str(arg, item, f"{where}[{i}]") for i, item in enumerate(_check_list(arg, value, where)))


def _check_list(arg: Arg, value: Any, where: str) -> list[Any] | tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise invalid(where, "a list is required.")
    if arg.required and not value:
        raise invalid(where, "at least one is required.")
    if len(value) > 100_000:
        raise invalid(where, "at most 100000 are allowed.")
    return value


def _check_map(arg: Arg, value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise invalid(where, "a map is required.")
    return value


_CHECKS = {
    "int": _check_int, "float": _check_float, "bool": _check_bool, "str": _check_str, "text": _check_text,
    "path": _check_path, "paths": _check_paths, "strs": _check_strs, "map": _check_map,
}
