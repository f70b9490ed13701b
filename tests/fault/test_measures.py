"""The safety measures by name, each with the test that fails when it is taken out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from daemon.store import test_guards as guards
from fontmill.errors import FontmillError
from fontmilld.store.lock import TreeLock

pytestmark = pytest.mark.fault

MEASURES = {
    "barrier": "the barrier", "tail verify": "the tail is verified", "digest": "by digest",
    "close check": "close is checked", "in-order journal": "labels are put in order",
}


@pytest.fixture(scope="module")
def scene() -> tuple[list[str], dict[str, bytes], dict[str, bytes]]:
    run = guards.one_run()
    return list(run.calls), guards.compared(run), guards.compared(guards.one_run(guards.RangeSet()))


@pytest.mark.parametrize("measure", MEASURES)
def test_without_it_the_promise_breaks(measure: str, scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, replacement, probe = guards.GUARDS[MEASURES[measure]]
    monkeypatch.setattr(owner, name, replacement)
    with pytest.raises(Exception):  # noqa: B017
        probe(*scene)


def one_owner_only(path: Path) -> None:
    first = TreeLock(str(path), "one")
    try:
        with pytest.raises(FontmillError) as refused:
            TreeLock(str(path), "two").release()
        assert refused.value.slug == "project-owned"
    finally:
        first.release()


def test_the_lock_keeps_a_second_owner_out(tmp_path: Path) -> None:
    one_owner_only(tmp_path)


def test_without_the_lock_there_are_two_owners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TreeLock, "_acquire", lambda self: None)
    with pytest.raises(pytest.fail.Exception):
        one_owner_only(tmp_path)
