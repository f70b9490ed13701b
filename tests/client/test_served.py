"""When a command about folders does without the daemon that runs: when that one refuses it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Self

import pytest

from fontmill.cli import served
from fontmill.endpoint import SOCKET_VARIABLE
from fontmill.errors import FontmillError


@pytest.mark.parametrize(("slug", "alone"), [("denied", True), ("path-not-allowed", True), ("timed-out", False), ("", False)])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_daemon_that_refuses_is_done_without(slug: str, alone: bool, at_once: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def __init__(self, **_: Any) -> None:
            self._refuse(at_once)

        def _refuse(self, now: bool) -> None:
            if slug and now:
                raise FontmillError(slug)

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None: ...

        def call(self, *_: Any) -> None:
            self._refuse(not at_once)

    monkeypatch.setattr("fontmill.client.Client", Refusing)
    monkeypatch.setattr(served, "runs", lambda: True)
    monkeypatch.delenv(SOCKET_VARIABLE, raising=False)
    call: Any = SimpleNamespace(options=SimpleNamespace(socket=None), timeout=None, verb_args=lambda: {"session": "/data/p"})
    assert served.alone(call, ("/data/p", "/data")) == alone
    call.options.socket = "/run/named.sock"
    assert not served.alone(call, ("/data/p", "/data"))
