"""`fontmill start`: hand a session to the daemon that is running."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fontmill.cli.arguments import Invocation, start_args
from fontmill.cli.live import Lasting
from fontmill.cli.output import Output
from fontmill.cli.text import clean, count, project
from fontmill.errors import ExitStatus

SHOWN_FONTS = 5


def run(call: Invocation) -> int:
    """Start a session, or take up the one that the project holds; return once it is recorded."""
    args, _workers = start_args(call.options)
    looking = Lasting(call.output, "looking at the fonts")
    try:
        answer = call.client(tick=looking.tick).call_start(args, call.timeout)
    finally:
        looking.close()
    tell_refused(call.output, answer)
    tell_lacking(call.output, answer)
    call.output.result(answer, _lines(args, answer))
    return ExitStatus.OK


def tell_refused(output: Output, answer: Mapping[str, Any]) -> None:
    """Remark on every font that was refused, with its reason."""
    refused = answer.get("refused_fonts")
    for font in refused if isinstance(refused, list) else ():
        if isinstance(font, Mapping):
            output.note(f"refused: {clean(font.get('source', ''))}: {clean(font.get('reason', ''))}")


def tell_lacking(output: Output, answer: Mapping[str, Any]) -> None:
    """Remark on text sources that were asked for and that some fonts cannot draw."""
    lacking = answer.get("lacking_text")
    for source, fonts in lacking.items() if isinstance(lacking, Mapping) else ():
        named = ", ".join(clean(font) for font in fonts[:SHOWN_FONTS])
        more = f" and {count(len(fonts) - SHOWN_FONTS)} more" if len(fonts) > SHOWN_FONTS else ""
        output.note(f"no text from {clean(source)} in {named}{more}: the fonts cannot draw it, other sources take its share")


def place(args: Mapping[str, Any], answer: Mapping[str, Any]) -> str:
    """The folder of the dataset."""
    return project({**args, **answer})


def _lines(args: Mapping[str, Any], answer: Mapping[str, Any]) -> list[str]:
    session = clean(answer.get("session_id", ""))
    verb = "resumed" if answer.get("resumed") else "started"
    return [f"{verb} {session} in {place(args, answer)}", f"follow it: fontmill watch {session}"]
