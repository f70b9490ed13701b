"""The one table of commands: `fontmill.verbs.VERBS` where a command is a verb, and what the command line adds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fontmill.verbs import VERBS, Arg


@dataclass(frozen=True, slots=True)
class Option:
    """One option. No `flag` makes it positional; no `metavar` makes it bare; `many` takes several values."""

    dest: str
    help: str
    flag: str = ""
    metavar: str = ""
    many: bool = False
    optional: bool = True
    negatable: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `handler` is `module:function` in this package, imported only when it is called."""

    name: str
    help: str
    options: tuple[Option, ...]
    handler: str
    notes: str = ""


METAVARS = {"int": "N", "float": "X", "path": "DIR", "paths": "PATH"}
GLOBALS = (
    Option("socket", "Control socket of the daemon (default: FONTMILL_SOCKET, else your own daemon's, else the system's).",
           "--socket", "PATH"),
    Option("timeout", "Longest wait for an answer, in seconds (default: 10; `start` 600; `wait` no limit).",
           "--timeout", "SECONDS"),
    Option("json", "Print JSON, errors too.", "--json"),
)
HELP = Option("help", "Show this help.", "--help")
VERSION = Option("version", "Show the version.", "--version")


def _option(arg: Arg) -> Option:
    text = arg.help.replace("; absolute on the wire", "").replace("the absolute path of its project", "the folder of its project")
    if arg.choices:
        text += f" One of {', '.join(arg.choices)}."
    if arg.default not in (None, ()) and arg.kind != "bool":
        text += f" (default: {arg.default})"
    if arg.kind == "bool":
        return Option(arg.name, text, arg.flag or "", negatable=arg.name != "force")
    metavar = "DIR" if arg.name == "fallback_paths" else METAVARS.get(arg.kind, arg.name.upper())
    if arg.flag == "" and arg.kind == "int":
        metavar = arg.name.upper()  # as errors name it
    if arg.choices or arg.name == "project_name":
        metavar = "NAME"
    return Option(arg.name, text, arg.flag or "", metavar, arg.kind in ("paths", "strs"), not arg.required)


def verb_options(name: str) -> tuple[Option, ...]:
    """The options a verb's arguments make on the command line."""
    return tuple(_option(arg) for arg in VERBS[name].args if arg.flag is not None)


RECIPE = Option("recipe", "Read options from a TOML file whose keys are the argument names in docs/protocol.md; "
                "options given here win. Paths in it start from its folder.", "--recipe", "FILE")
TEXT_FILE = Option("text_file", "A text of your own for the source `user` (then the default): a UTF-8 file, or a folder whose .txt "
                   "files are read in order of their names.", "--text-file", "PATH")
WORKERS = Option("workers", "Render processes (default: one per core).", "--workers", "N")
PROGRESS = Option("progress", "Tell progress line by line, also when there is no terminal.", "--progress")
FOLDER = Option("folder", "Folder to write the files to (default: this one).", "--out", "DIR")
SHEET = Option("sheet", "The picture to write (default: preview.png).", "--out", "FILE")
NO_WAIT = Option("no_wait", "Return at once.", "--no-wait")
YES = Option("yes", "Do not ask.", "--yes")
ALL = Option("all", "Resume every session that can be resumed.", "--all")
EVENT_OPTIONS = (
    Option("since", "Only events after this sequence number.", "--since", "N"),
    Option("boot", "Boot id the number belongs to (default: that of the running daemon).", "--boot", "ID"),
    Option("follow", "Go on with new events as they come.", "--follow"),
)
START_OPTIONS = (*(replace(option, optional=True) for option in verb_options("start")), TEXT_FILE, RECIPE)
RUN_NOTES = (
    "Needs no service: starts a private daemon and stops it. Ctrl-C pauses cleanly (a second one kills at once); "
    "the same command again continues. A session that waits for disk space or memory goes on by itself."
)
READ_NOTES = "A project's folder needs no daemon: then it is read."
FOLLOW_NOTES = "A project's folder needs no daemon: then it is followed for as long as somebody works on it."
ASKS = "Where there is no terminal, and with --json, it needs --yes, and else ends with exit status 2."
EXIT_NOTES = (
    "Exit status: 0 ok, 1 failed, 2 usage, 3 not running, 4 denied, 5 busy or timed out, 6 incompatible version, "
    "7 incomplete (paused, or some samples failed or were skipped; those of fonts that --licences leaves out do not count), 130 interrupted."
)


def _verb(name: str, *extra: Option, handler: str = "simple:run", notes: str = "", help: str = "") -> Command:  # noqa: A002
    return Command(name, help or VERBS[name].help, (*verb_options(name), *extra), handler, notes)


def _any_session(command: Command) -> Command:
    return replace(command, options=tuple(replace(option, optional=True) for option in command.options))


_ROWS = (
    Command("run", "Export a dataset here and now, and wait for it.", (*START_OPTIONS, WORKERS, PROGRESS), "run:run", RUN_NOTES),
    Command("start", VERBS["start"].help, START_OPTIONS, "start:run", "Returns as soon as the session is recorded."),
    Command("preview", VERBS["preview"].help, (*(replace(option, optional=True) for option in verb_options("preview")), TEXT_FILE,
            RECIPE, SHEET), "preview:run", "Needs no service and writes nothing but the picture. A recipe for `run` does here too."),
    _verb("pause", NO_WAIT, handler="sessions:pause", notes="Waits until no picture is being written any more."),
    _any_session(_verb("resume", ALL, handler="resume:run", notes="With no session: shows what can be resumed, and asks.")),
    _verb("status", handler="sessions:status", notes="A project's folder needs no daemon: then its own last word is shown."),
    _verb("list", handler="sessions:listing"),
    _verb("fonts", handler="sessions:fonts", notes=READ_NOTES),
    Command("watch", "Show sessions live; on a pipe, one line an event.", verb_options("status"), "watch:run",
            f"With a session: ends when it completes or fails. {FOLLOW_NOTES}"),
    _verb("wait", handler="sessions:wait", help="Wait until the session completes, fails or pauses.",
          notes=f"Exit status 0: completed with every pair; 7: paused, or some are missing; 1: failed. {FOLLOW_NOTES}"),
    _verb("cancel", NO_WAIT, handler="sessions:cancel", notes="Waits until no picture is being written any more."),
    _verb("complete", YES, handler="projects:complete", notes=f"Where pairs would be left out, it says how many and asks first. {ASKS} "
          "A project's folder needs no service."),
    _verb("detect", handler="projects:detect"),
    _verb("adopt", handler="projects:adopt"),
    _verb("verify", handler="projects:verify", notes="Exit status 1 when something is missing, different or foreign."),
    _verb("repair", NO_WAIT, handler="projects:repair", notes="Waits until the project is as it was. Exit status 0: all "
          "that was damaged is made again, whatever failed or was skipped before; 7: paused, or some of it could not be made."),
    _verb("retry-failed", NO_WAIT, handler="projects:retry_failed", notes="Waits until the samples have been tried."),
    _verb("rebuild", FOLDER, handler="projects:rebuild", notes="Exit status 1 when the files are not what the label says."),
    _verb("delete", YES, handler="projects:delete", notes=f"Says what would be removed and asks first. {ASKS}"),
    _verb("events", *EVENT_OPTIONS, handler="watch:events"),
    _verb("why", handler="sessions:why", notes=READ_NOTES),
    _verb("health", handler="sessions:health", notes="Exit status 1 when something is not well."),
    _verb("metrics", handler="sessions:metrics"),
    _verb("config"),
    _verb("shutdown", NO_WAIT, handler="sessions:shutdown"),
    _verb("ping"),
    _verb("hello"),
)
COMMANDS: Mapping[str, Command] = {command.name: command for command in _ROWS}
