"""Commands that are one call of one verb: show its answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fontmill.cli.arguments import Invocation
from fontmill.cli.text import clean, status_lines, width
from fontmill.errors import ExitStatus


def run(call: Invocation) -> int:
    """Call the verb the command is named after, and print what it answers."""
    args = call.verb_args()
    answer = call.client().call(call.command, args)
    call.output.result(answer, lines(answer if isinstance(answer, Mapping) else {}))
    return ExitStatus.OK


def lines(answer: Mapping[str, Any]) -> list[str]:
    """Any answer for people: a status object as such, other maps as one line a key."""
    if "total_samples" in answer:
        return status_lines(answer)
    wide = max((width(clean(key)) + 2 for key in answer), default=0)
    return [f"{clean(key):<{max(wide, 16)}}{clean(_flat(value))}" for key, value in answer.items()]


def _flat(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_flat(item)}" for key, item in value.items())
    return round(value, 3) if isinstance(value, float) else value
