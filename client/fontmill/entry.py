"""The command `fontmill`, from its first moment: an interrupt while its parts are loaded ends it as it ends any program."""

from __future__ import annotations

import signal
from typing import NoReturn

from fontmill.program import hold_off_interrupt


def command() -> NoReturn:
    """The program. Python's own answer to an interrupt, a traceback of whatever was being imported, is held off until `main` minds it."""
    held_off = hold_off_interrupt()
    from fontmill.cli import main  # noqa: PLC0415

    if held_off:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    main.command()
