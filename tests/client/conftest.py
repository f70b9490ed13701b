"""A fake daemon on real sockets, and the command line in this process."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fontmill import Client, stream
from fontmill.cli.main import main


def _load(name: str) -> ModuleType:
    """A module of this folder: it is no package, and its name must not clash with the source root `client`."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
        assert spec is not None and spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


fake_daemon = _load("fake_daemon")


@dataclass
class Outcome:
    code: int
    out: str
    err: str


@pytest.fixture
def folder() -> Iterator[Path]:
    made = fake_daemon.short_folder()
    yield made
    fake_daemon.remove(made)


@pytest.fixture
def daemon(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A fake daemon that the command line finds by itself."""
    made = fake_daemon.FakeDaemon(folder).start()
    monkeypatch.setenv("FONTMILL_SOCKET", str(made.path))
    yield made
    made.stop()


@pytest.fixture
def client(daemon: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setattr(stream, "IDLE_CHECK", 0.1)
    with Client(daemon.path, timeout=60) as made:
        yield made


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    monkeypatch.delenv("FONTMILL_DEBUG", raising=False)

    def run(*words: object) -> Outcome:
        capsys.readouterr()
        code = main([str(word) for word in words])
        shown = capsys.readouterr()
        return Outcome(code, shown.out, shown.err)

    return run
