"""Reference pages made from the tables: `python -m fontmill.cli.reference --write|--check docs/`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from fontmill.cli.parser import help_text
from fontmill.cli.table import COMMANDS
from fontmill.errors import CATALOGUE, ExitStatus
from fontmill.verbs import VERBS, Arg
from fontmill.vocabulary import DAEMON, EVENTS, STATUS, Key

COLUMNS = 100
MADE = "<!-- Made by `python -m fontmill.cli.reference --write docs`; do not edit. -->"
BANDS = {1: "protocol", 2: "access", 3: "state", 4: "capacity and resources", 5: "server, storage, rendering"}
KINDS = {"str": "text", "text": "text of many lines", "int": "int", "float": "float", "bool": "bool", "path": "absolute path",
         "paths": "list of absolute paths", "strs": "list of text", "map": "map"}


def cli_page() -> str:
    """docs/cli.md: the help of every command."""
    parts = [MADE, "# The command line", _block(help_text(None, COLUMNS))]
    for name, command in COMMANDS.items():
        parts += [f"## fontmill {name}", _block(help_text(command, COLUMNS))]
    return "\n\n".join(parts) + "\n"


def errors_page() -> str:
    """docs/errors.md: every slug with its code, meaning, action and exit status."""
    parts = [
        MADE, "# Errors",
        "Programs match on the slug (`n` on the wire) or the code (`c`); neither ever changes its meaning. "
        "Recoverable errors may pass when the same thing is tried again; the others need what the last column says.",
    ]
    for band, title in BANDS.items():
        rows = [
            (f"`{kind.slug}`", str(kind.code), kind.meaning, kind.category, str(int(kind.exit_status)), kind.action)
            for kind in CATALOGUE.values() if kind.code // 100 == band
        ]
        parts += [f"## {band}xx: {title}", _table(("slug", "code", "meaning", "category", "exit", "what to do"), rows)]
    exits = [(str(int(status)), status.name.lower().replace("_", " ")) for status in ExitStatus]
    parts += ["## Exit statuses", _table(("status", "meaning"), exits)]
    return "\n\n".join(parts) + "\n"


def verb_tables() -> str:
    """The part of docs/protocol.md that lists the verbs and their arguments."""
    parts = []
    for verb in VERBS.values():
        kind = f"Role `{verb.role}`" + (", changes state." if verb.mutating else ".")
        parts += [f"### `{verb.name}`", f"{verb.help} {kind}"]
        if verb.args:
            rows = [(f"`{arg.name}`", KINDS[arg.kind], _default(arg), _limits(arg), arg.help) for arg in verb.args]
            parts.append(_table(("argument", "type", "default", "limits", "meaning"), rows))
        parts.append(f"Result: {verb.reply}")
    return "\n\n".join(parts)


def key_table(keys: Sequence[Key]) -> str:
    """The part of docs/protocol.md that lists the keys of a map."""
    return _table(("key", "type", "meaning"), [(", ".join(f"`{name}`" for name in key.names), key.type, key.meaning) for key in keys])


def event_table() -> str:
    """The part of docs/protocol.md that lists the kinds of events."""
    rows = [(f"`{kind}`", "its session" if event.of_session else "nil", event.data, event.meaning) for kind, event in EVENTS.items()]
    return _table(("kind", "`session`", "`d`", "when"), rows)


PARTS: Mapping[tuple[str, str], Callable[[], str]] = {
    ("<!-- verbs: made from fontmill.verbs.VERBS -->", "<!-- end of verbs -->"): verb_tables,
    ("<!-- status: made from fontmill.vocabulary.STATUS -->", "<!-- end of status -->"): lambda: key_table(STATUS),
    ("<!-- daemon: made from fontmill.vocabulary.DAEMON -->", "<!-- end of daemon -->"): lambda: key_table(DAEMON),
    ("<!-- events: made from fontmill.vocabulary.EVENTS -->", "<!-- end of events -->"): event_table,
}


def protocol_page(present: str) -> str:
    """docs/protocol.md with its tables made anew; the prose around the markers stays."""
    for (begin, end), part in PARTS.items():
        before, found, rest = present.partition(begin)
        _old, ended, after = rest.partition(end)
        if not found or not ended:
            raise ValueError(f"docs/protocol.md needs the lines {begin} and {end}")
        present = f"{before}{begin}\n\n{part()}\n\n{end}{after}"
    return present


def _default(arg: Arg) -> str:
    if arg.required:
        return "required"
    if arg.default in (None, ()) or arg.default == "":
        return "none"
    return f"`{str(arg.default).lower() if isinstance(arg.default, bool) else arg.default}`"


def _limits(arg: Arg) -> str:
    limits = [f"one of {', '.join(f'`{choice}`' for choice in arg.choices)}"] if arg.choices else []
    if arg.minimum is not None:
        limits.append(f"from {arg.minimum}")
    if arg.maximum is not None:
        limits.append(f"to {arg.maximum}")
    if arg.kind in ("str", "text", "path") and not arg.choices:
        limits.append(f"{arg.max_length} bytes")
    return " ".join(limits)


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _block(text: str) -> str:
    return f"```text\n{text.rstrip()}\n```"


PAGES: Mapping[str, Callable[[str], str]] = {
    "cli.md": lambda _: cli_page(), "errors.md": lambda _: errors_page(), "protocol.md": protocol_page,
}


def stale(folder: Path, write: bool, pages: Mapping[str, Callable[[str], str]] = PAGES) -> list[str]:
    """The names of pages that differ from the tables; with `write` they are brought up to date."""
    found = []
    for name, page in pages.items():
        path = folder / name
        present = path.read_text(encoding="utf-8") if path.exists() else ""
        wanted = page(present)
        if wanted != present:
            found.append(name)
            if write:
                path.write_text(wanted, encoding="utf-8")
    return found


def main(argv: Sequence[str] | None = None, pages: Mapping[str, Callable[[str], str]] = PAGES) -> int:
    """Write the pages, or check them and end with status 1 if one is stale."""
    parser = argparse.ArgumentParser(prog="python -m fontmill.cli.reference", description="Make the reference pages.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", metavar="DOCS", type=Path)
    what.add_argument("--check", metavar="DOCS", type=Path)
    options = parser.parse_args(argv)
    found = stale(options.write or options.check, options.write is not None, pages)
    for name in found:
        print(f"{'written' if options.write else 'stale'}: {name}", file=sys.stderr)
    return 1 if found and options.check else 0


if __name__ == "__main__":
    raise SystemExit(main())
