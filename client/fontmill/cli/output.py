"""Where a command's words go: results to stdout, remarks to stderr, JSON when asked for."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

from fontmill.cli.text import clean
from fontmill.errors import FontmillError

SHOWN_REFUSALS = 10


def interactive() -> bool:
    """Whether somebody is there to ask."""
    return sys.stdin.isatty() and sys.stdout.isatty()


class Output:
    """The two streams of a command. Text for people must be `clean` before it comes here."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    @property
    def live(self) -> bool:
        """Whether a live view has a terminal to draw on."""
        return not self.as_json and sys.stderr.isatty()

    def emit(self, value: Any) -> None:
        """One line of JSON on stdout; everything but ASCII is escaped, so it is safe on a terminal."""
        print(json.dumps(value, default=repr), flush=True)

    def result(self, value: Any, lines: Iterable[str]) -> None:
        """The result of a command: JSON, or lines for people."""
        if self.as_json:
            self.emit(value)
        else:
            for line in lines:
                print(line, flush=True)

    def say(self, line: str) -> None:
        """A line of the result that `--json` moves out of the way."""
        print(line, file=sys.stderr if self.as_json else sys.stdout, flush=True)

    def note(self, line: str) -> None:
        """A remark on stderr."""
        print(line, file=sys.stderr, flush=True)

    def draw(self, text: str) -> None:
        """Text in place of what was drawn before it in this line of a terminal's stderr; "" wipes it."""
        print(f"\r\x1b[2K{text}", end="", file=sys.stderr, flush=True)

    def error(self, error: FontmillError) -> None:
        """One line on stderr that says what is wrong and what to do; with `--json` the error object as well."""
        if self.as_json:
            self.emit({"error": error.to_wire()})
        refused = error.details.get("refused") or ()
        if len(refused) > SHOWN_REFUSALS:
            refused = {str(font.get("reason")): font for font in reversed(refused)}.values()  # the first for each reason
        for font in refused:
            self.note(f"refused: {clean(font.get('source', ''))}: {clean(font.get('reason', ''))}")
        print(f"fontmill: {clean(' '.join(str(error).split()))}", file=sys.stderr, flush=True)
