"""The argument parser, made from the table of commands. Help texts are the same on every Python."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import textwrap
from collections.abc import Iterable
from typing import Any, NoReturn

from fontmill.cli.table import COMMANDS, EXIT_NOTES, GLOBALS, HELP, VERSION, Command, Option
from fontmill.errors import FontmillError

SUMMARY = "Write clear/blurred text image pairs, font by font, and never lose or repeat work."
LABEL_WIDTH = 28


def usage_error(sentence: str, command: str = "") -> FontmillError:
    """A usage error of the command line, which ends with exit status 2."""
    return FontmillError("invalid-argument", sentence, action=f"See `fontmill {command} --help`.".replace("  ", " "))


class _Parser(argparse.ArgumentParser):
    def __init__(self, command: Command | None = None, **_: Any) -> None:  # argparse passes its own, by version
        super().__init__(prog="fontmill", add_help=False, allow_abbrev=False)
        self._command = command
        self._options_added = False

    def parse_known_args(self, args: Any = None, namespace: Any = None, **more: Any) -> Any:
        if self._command is not None and not self._options_added:  # of fifteen commands one is used
            self._options_added = True
            _add(self, (*self._command.options, *GLOBALS, HELP), below=True)
        return super().parse_known_args(args, namespace, **more)

    def error(self, message: str) -> NoReturn:
        unknown = re.match(r"argument command: invalid choice: ('.*?'|\".*?\")", message)
        if unknown:
            near = _nearest(unknown[1][1:-1], COMMANDS)
            meant = f" Did you mean `fontmill {near}`?" if near else ""
            raise usage_error(f"There is no command {unknown[1]}.{meant}")
        raise usage_error(f"{message.removeprefix('argument ')}.", self._command.name if self._command else "")


def parse(argv: list[str]) -> argparse.Namespace:
    """The options of a command line; `command` is empty when none is named. `help COMMAND` is `COMMAND --help`."""
    if argv[:1] == ["help"]:
        argv = [*argv[1:], HELP.flag]
    root = _Parser()
    _add(root, (*GLOBALS, HELP, VERSION))
    verbs = root.add_subparsers(dest="command", parser_class=_Parser)
    for name, command in COMMANDS.items():
        verbs.add_parser(name, command=command)
    options: argparse.Namespace
    options, unknown = root.parse_known_args(argv)
    if unknown:
        raise _unknown(unknown[0], options.command or "")
    return options


def _unknown(word: str, command: str) -> FontmillError:
    known = [o.flag for o in (*(COMMANDS[command].options if command else ()), *GLOBALS, HELP) if o.flag]
    flag = word.partition("=")[0]
    near = _nearest(flag, known)
    elsewhere = [name for name, row in COMMANDS.items() if any(option.flag == flag for option in row.options)]
    meant = f" Did you mean {near}?" if near else ""
    if elsewhere:
        meant = f" It is one of `fontmill {elsewhere[0]}`."
    if not near and "--fonts" in known and os.path.exists(os.path.expanduser(word)):
        meant = f" Did you mean --fonts {word}?"
    kind = "option" if word.startswith("-") else "argument"
    return usage_error(f"There is no {kind} {word} here.{meant}", command)


def _nearest(word: str, known: Iterable[str]) -> str:
    """The known word that a slip was meant to be, or an empty text."""
    import difflib  # noqa: PLC0415  for slips alone

    return next(iter(difflib.get_close_matches(word, list(known), 1)), "")


def _add(parser: argparse.ArgumentParser, options: Iterable[Option], below: bool = False) -> None:
    for option in options:
        settings: dict[str, Any] = {"default": argparse.SUPPRESS} if below and option in (*GLOBALS, HELP) else {}
        if not option.flag:
            parser.add_argument(option.dest, nargs="?", metavar=option.metavar)  # `missing` comes after --help
        elif option.metavar:
            if option.many:
                settings |= {"nargs": "+", "action": "extend"}
            parser.add_argument(option.flag, dest=option.dest, **settings)
        else:
            flags = (option.flag, "-h") if option is HELP else (option.flag,)
            parser.add_argument(*flags, dest=option.dest, action="store_const", const=True, **settings)
            if option.negatable:
                off = option.flag.replace("--", "--no-", 1)
                parser.add_argument(off, dest=option.dest, action="store_const", const=False)


def missing(command: Command, options: argparse.Namespace) -> str:
    """The argument a command cannot do without and has not got, or an empty text."""
    lacking = (o.metavar for o in command.options if not o.flag and not o.optional and getattr(options, o.dest) is None)
    return next(lacking, "")


def help_text(command: Command | None = None, width: int | None = None) -> str:
    """The help of a command, or of `fontmill` itself, `width` columns wide (default: the terminal's)."""
    columns = width or min(shutil.get_terminal_size().columns - 2, 110)
    if command is None:
        names = [(name, row.help) for name, row in COMMANDS.items()]
        parts = ["usage: fontmill [OPTIONS] COMMAND ...", _wrapped(SUMMARY, columns), _section("commands", names, columns)]
        parts.append(_section("options", _rows((*GLOBALS, VERSION, HELP)), columns))
        parts += [_wrapped("`fontmill COMMAND --help` tells more.", columns), _wrapped(EXIT_NOTES, columns)]
        return "\n\n".join(parts) + "\n"
    positionals = [option for option in command.options if not option.flag]
    words = [option.metavar if not option.optional else f"[{option.metavar}]" for option in positionals]
    parts = [" ".join(["usage: fontmill", command.name, *words, "[OPTIONS]"]), _wrapped(command.help, columns)]
    if command.notes:
        parts.append(_wrapped(command.notes, columns))
    if positionals:
        parts.append(_section("arguments", _rows(positionals), columns))
    flags = [option for option in command.options if option.flag]
    if flags:
        parts.append(_section("options", _rows(flags), columns))
    parts.append(_section("common options", _rows((*GLOBALS, HELP)), columns))
    return "\n\n".join(parts) + "\n"


def _rows(options: Iterable[Option]) -> list[tuple[str, str]]:
    return [(_label(option), option.help) for option in options]


def _label(option: Option) -> str:
    if not option.flag:
        return option.metavar
    flag = option.flag.replace("--", "--[no-]", 1) if option.negatable else option.flag
    if option is HELP:
        flag = "-h, --help"
    return f"{flag} {option.metavar}{' ...' if option.many else ''}".rstrip()


def _section(title: str, rows: list[tuple[str, str]], columns: int) -> str:
    lines = [f"{title}:"]
    for label, text in rows:
        wrapped = textwrap.wrap(text, max(columns - LABEL_WIDTH, 30), break_on_hyphens=False) or [""]
        head = f"  {label}"
        if len(head) >= LABEL_WIDTH:
            lines.append(head)
            head = ""
        lines.append(f"{head:<{LABEL_WIDTH}}{wrapped[0]}")
        lines += [" " * LABEL_WIDTH + more for more in wrapped[1:]]
    return "\n".join(lines)


def _wrapped(text: str, columns: int) -> str:
    return textwrap.fill(text, columns, break_on_hyphens=False)
