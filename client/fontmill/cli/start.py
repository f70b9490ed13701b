"""`fontmill start`: hand a session to the daemon that is running."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fontmill.cli.arguments import Invocation, start_args
from fontmill.cli.live import Lasting
from fontmill.cli.output import SHOWN_REFUSALS, Output
from fontmill.cli.text import clean, count, counted, project
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
    """Remark on every font that was refused, with its reason; of one kind of refusal at most SHOWN_REFUSALS lines."""
    refused = answer.get("refused_fonts")
    kinds: dict[object, list[Mapping[str, Any]]] = {}
    for font in refused if isinstance(refused, list) else ():
        if isinstance(font, Mapping):
            kinds.setdefault(font.get("slug"), []).append(font)
    for fonts in kinds.values():
        for line in _refusals(fonts):
            output.note(line)


def _refusals(fonts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Refusals of one kind: a line each, and where they are many, a line for each reason."""
    groups: dict[object, list[Mapping[str, Any]]] = {}
    for number, font in enumerate(fonts):
        groups.setdefault(font.get("reason") if len(fonts) > SHOWN_REFUSALS else number, []).append(font)
    shown = list(groups.values())[:SHOWN_REFUSALS]
    lines = [f"refused: {_sources(same)}: {clean(same[0].get('reason', ''))}" for same in shown]
    left = len(fonts) - sum(map(len, shown))
    return [*lines, f"refused: {counted(left, 'more font')}, for the like"] if left else lines


def _sources(fonts: Sequence[Mapping[str, Any]]) -> str:
    first = clean(fonts[0].get("source", ""))
    return f"{count(len(fonts))} fonts, such as {first}" if len(fonts) > 1 else first


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
