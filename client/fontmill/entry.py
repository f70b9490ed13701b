"""The command `fontmill`, from its first moment: an interrupt while its parts are loaded ends it as it ends any program."""

from __future__ import annotations

import signal
from typing import NoReturn


def command() -> NoReturn:
    """The program. Python's own answer to an interrupt, a traceback of whatever was being imported, is held off until `main` minds it."""
    mine = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else somebody wants it ignored
    if mine:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from fontmill.cli import main  # noqa: PLC0415

    if mine:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    main.command()
