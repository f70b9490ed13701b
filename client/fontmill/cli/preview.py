"""`fontmill preview`: a contact sheet of a configuration before anything is made."""

from __future__ import annotations

import os

from fontmill.cli.arguments import Invocation, given_args, number
from fontmill.cli.live import lasting
from fontmill.cli.served import served
from fontmill.cli.start import tell_lacking, tell_refused
from fontmill.cli.text import clean, counted
from fontmill.errors import ExitStatus, invalid
from fontmill.verbs import validate

LONG = 600.0
DEFAULT = "preview.png"


def run(call: Invocation) -> int:
    """Have the sheet drawn and write it, replacing an older one."""
    given = given_args(call.options)
    given |= {name: number(value, name) for name in ("pairs", "columns") if (value := getattr(call.options, name)) is not None}
    args = validate("preview", given)
    path = os.path.abspath(os.path.expanduser(call.options.sheet or DEFAULT))
    suffix = os.path.splitext(path)[1]
    if suffix and suffix.lower() != ".png":
        raise invalid("sheet", f"the sheet is a PNG file; use .png, not {suffix}.")
    if not os.path.isdir(os.path.dirname(path)):
        raise invalid("sheet", f"there is no folder {os.path.dirname(path)}.")
    with served(call, (os.getcwd(),)), lasting(call.client(), call.output, "looking at the fonts, and drawing"):
        answer = call.client().call("preview", args, timeout=call.timeout or LONG)
    sheet: bytes = answer.pop("sheet")
    try:
        with open(path, "wb") as file:
            file.write(sheet)
    except OSError as error:
        raise invalid("sheet", f"{path} cannot be written ({error.strerror}).") from error
    tell_refused(call.output, answer)
    tell_lacking(call.output, answer)
    if answer["pairs"] < args["pairs"]:
        call.output.note(f"{counted(args['pairs'], 'pair')} were asked for; the fonts give no more")
    lines = [f"{counted(answer['pairs'], 'pair')} of {counted(answer['fonts'], 'font file')}: {clean(path)}"]
    call.output.result({**answer, "path": path}, lines)
    return ExitStatus.OK
