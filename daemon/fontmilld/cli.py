"""The command `fontmilld`. Light to import: children import this module as their main module."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import resource
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, NoReturn

from fontmill.errors import ExitStatus, FontmillError
from fontmill.program import complete_streams, end, hold_off_interrupt

if TYPE_CHECKING:
    from fontmilld.settings import DaemonSettings


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        self.exit(ExitStatus.USAGE, f"fontmilld: {message} Run `fontmilld --help`.\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="fontmilld", description="The fontmill render service.", allow_abbrev=False)
    parser.add_argument("--config", metavar="FILE", help="TOML file of settings; the options here override it")
    parser.add_argument("--socket", metavar="PATH", help="control socket; events.sock lies beside it")
    parser.add_argument("--state-dir", metavar="DIR", help="the daemon's own state: the index of sessions")
    parser.add_argument("--workers", type=int, metavar="N", help="render processes (default: one a core)")
    parser.add_argument("--allow-root", nargs="+", action="extend", metavar="DIR", help="folders beneath which output may be made (default: your home)")
    parser.add_argument("--private", action="store_true", default=None, help="end when standard input ends; used by `fontmill run`")
    parser.add_argument("--check", action="store_true", help="check the settings and leave")
    parser.add_argument("--print-config", action="store_true", help="print the settings in force and leave")
    parser.add_argument("--version", action="store_true", help="print the version and leave")
    return parser


FILES, FILES_OF_WORKER = 128, 4
"""So many files are open at a time, at most, without workers and for each; with some to spare."""
YOUNG_OBJECTS = 50_000
"""So many new objects make the collector look: what the daemon lets go of is hardly ever a cycle, what it keeps, of thousands of fonts, is much."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the daemon; returns its exit status."""
    complete_streams()
    words = _parser().parse_args(argv)
    try:
        return _run(words)
    except FontmillError as error:
        print(f"fontmilld: {error}", file=sys.stderr)
        return error.exit_status


def command() -> NoReturn:
    """The program. The loop minds an interrupt once it runs."""
    hold_off_interrupt()
    end(main())


def _run(words: argparse.Namespace) -> int:
    # Imported here because forkserver children import this module: they must not load ZeroMQ.
    from fontmilld import settings as settings_module  # noqa: PLC0415

    names = ("socket", "state_dir", "workers", "allow_root", "private")
    def load() -> DaemonSettings:
        return settings_module.load({name: getattr(words, name) for name in names}, words.config)

    settings = load()
    problem = settings_module.missing_root(settings)
    if problem is not None:
        raise problem
    if words.version:
        from fontmill import __version__  # noqa: PLC0415

        print(f"fontmilld {__version__}")
        return ExitStatus.OK
    if words.print_config or words.check:
        if words.print_config:
            print("\n".join(f"{name} = {_toml(value)}" for name, value in asdict(settings).items()))
        return ExitStatus.OK
    _allow_files(FILES + FILES_OF_WORKER * settings.workers)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    gc.disable()  # modules stay: looking for garbage in them is a tenth of what importing them costs
    import fontmilld.pool.shared  # noqa: PLC0415, F401
    from fontmilld.pool.process import Launcher  # noqa: PLC0415

    launcher = Launcher()  # before any thread or socket exists
    from fontmilld.app import Daemon  # noqa: PLC0415

    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 50, 20)
    gc.enable()
    config = os.path.abspath(words.config) if words.config else ""
    Daemon(settings, launcher, config, load).run()
    return ExitStatus.OK


def _allow_files(needed: int) -> None:
    """Take as many open files as there may be. Raises `denied` where that is too few: libraries below abort the process."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < needed:
        raise FontmillError("denied", f"No more than {most} files may be open at a time, and {needed} are needed.", action="Allow more: `ulimit -n 1024`.")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


if __name__ == "__main__":
    command()
