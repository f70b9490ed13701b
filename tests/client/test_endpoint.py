"""Where the sockets are, and what is said when nobody is there."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from fontmill import endpoint
from fontmill.endpoint import Endpoint, default_socket, find_socket
from fontmill.errors import FontmillError


def probe(path: Path) -> FontmillError:
    with pytest.raises(FontmillError) as caught:
        Endpoint(path).probe()
    return caught.value


def test_default_socket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FONTMILL_SOCKET", "here.sock")
    assert default_socket() == str(Path.cwd() / "here.sock")
    monkeypatch.delenv("FONTMILL_SOCKET")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert default_socket() == f"{tmp_path}/fontmill/control.sock"
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_socket() == "/run/fontmill/control.sock"
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    monkeypatch.setattr(os, "getuid", lambda: 1234)
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert default_socket() == "/tmp/fontmill-1234/control.sock"


def test_a_client_prefers_the_users_daemon_over_the_systems(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("FONTMILL_SOCKET", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(endpoint, "SYSTEM_SOCKET", str(tmp_path / "system.sock"))
    assert find_socket() == default_socket()
    (tmp_path / "system.sock").touch()
    assert find_socket() == str(tmp_path / "system.sock")
    (tmp_path / "fontmill").mkdir()
    Path(default_socket()).touch()
    assert find_socket() == default_socket()


def test_a_system_daemon_out_of_reach_denies_access(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("FONTMILL_SOCKET", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    system = str(tmp_path / "closed" / "system.sock")
    monkeypatch.setattr(endpoint, "SYSTEM_SOCKET", system)
    look = Path.stat

    def closed(path: Path, **how: bool) -> os.stat_result:
        if str(path) == system:
            raise PermissionError(errno.EACCES, "Permission denied")
        return look(path, **how)

    monkeypatch.setattr(Path, "stat", closed)
    assert find_socket() == system
    with pytest.raises(FontmillError) as caught:
        Endpoint().identity()
    assert caught.value.slug == "denied"


def test_nobody_there(folder: Path) -> None:
    assert probe(folder / "control.sock").slug == "not-running"
    (folder / "file").touch()
    assert probe(folder / "file").slug == "not-running"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(folder / "stale"))
    assert probe(folder / "stale").slug == "not-running"


def test_somebody_there(daemon: Any) -> None:
    found = Endpoint(daemon.path)
    assert found.probe() == found.identity()
    assert found.events == str(daemon.path.with_name("events.sock"))


def test_a_full_backlog_is_somebody(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as first:
        busy.bind(str(folder / "busy"))
        busy.listen(0)
        first.connect(str(folder / "busy"))
        Endpoint(folder / "busy").probe()


def test_a_path_too_long_for_a_socket(tmp_path: Path) -> None:
    error = probe(tmp_path / ("x" * 120))
    assert (error.slug, error.details["field"]) == ("invalid-argument", "socket")


def test_denied(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", refuse)
    assert probe(folder / "control.sock").slug == "denied"
