"""The entry of the command `fontmill`: parse, dispatch, and one line for whatever goes wrong."""

from __future__ import annotations

import errno
import gc
import importlib
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import NoReturn

from fontmill import __version__
from fontmill.cli.arguments import Invocation, with_flags
from fontmill.cli.output import Output
from fontmill.cli.parser import help_text, missing, parse, usage_error
from fontmill.cli.table import COMMANDS, Command
from fontmill.errors import ExitStatus, FontmillError
from fontmill.program import complete_streams, end

DEBUG_VARIABLE = "FONTMILL_DEBUG"
SIGPIPE_STATUS = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; the exit status. Prints one line on stderr for every error, and no traceback."""
    words = list(sys.argv[1:] if argv is None else argv)
    complete_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    output = Output("--json" in words)
    try:
        status = _guarded(words, output)
        sys.stdout.flush()
    except BrokenPipeError:
        _mute()
        return SIGPIPE_STATUS
    except OSError as error:
        return _unheard(output, error)
    return int(status)


def command() -> NoReturn:
    """The program."""
    end(main())


def _unheard(output: Output, error: OSError) -> int:
    """Standard output takes no more, as on a full disk."""
    _mute()
    output.as_json = False
    sentence = f"The output cannot be written ({error.strerror})."
    output.error(FontmillError("storage-failed", sentence, action="Send it elsewhere, or make room."))
    return ExitStatus.FAILED


def _guarded(words: list[str], output: Output) -> int:
    try:
        return _dispatch(words, output)
    except FontmillError as error:
        _trace()
        output.error(error)
        return error.exit_status
    except KeyboardInterrupt:
        return ExitStatus.INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EIO) and error.filename is None:
            raise  # standard output
        _trace()
        sentence = f"fontmill met an error it did not expect ({type(error).__name__}: {error})."
        action = f"Report it; {DEBUG_VARIABLE}=1 shows where it happened."
        output.error(FontmillError("internal", sentence, action=action))
        return ExitStatus.FAILED


def _dispatch(words: list[str], output: Output) -> int:
    options = parse(words)
    output.as_json = bool(options.json)
    command = COMMANDS.get(options.command or "")
    if options.version:
        print(f"fontmill {__version__}")
        return ExitStatus.OK
    if options.help:
        print(help_text(command), end="")
        return ExitStatus.OK
    if command is None:
        raise usage_error("A command is required.")
    if lacking := missing(command, options):
        raise usage_error(f"{lacking} is required.", command.name)
    handler = _handler(command)
    with Invocation(command.name, options, output) as call:
        try:
            return handler(call)
        except FontmillError as error:
            from fontmill.cli.ondisk import with_folder  # noqa: PLC0415  most commands do not fail

            raise with_folder(with_flags(error, command.name), command.name, getattr(options, "session", None)) from error


def _handler(command: Command) -> Callable[[Invocation], int]:
    module, function = command.handler.split(":")
    gc.disable()  # modules stay: looking for garbage in them costs a tenth of a start
    try:
        handler: Callable[[Invocation], int] = getattr(importlib.import_module(f"fontmill.cli.{module}"), function)
    finally:
        gc.enable()
    return handler


def _trace() -> None:
    if os.environ.get(DEBUG_VARIABLE):
        traceback.print_exc()


def _mute() -> None:
    """Point stdout at nothing, so that the flush at exit does not meet the broken pipe again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    command()
