"""Repair tries damaged pairs first; of fonts that draw otherwise now it names every one, and changes nothing."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest

from fontmill.errors import FontmillError
from fontmilld import diskwork
from fontmilld.diskwork import Removal
from fontmilld.projects import ProjectOperations
from fontmilld.testing.house import House

PAIRS = [("a", 1), ("a", 2), ("b", 1), ("b", 5), ("c", 3)]


def tried(monkeypatch: pytest.MonkeyPatch, recorded: dict[tuple[str, int], Any]) -> tuple[list[tuple[str, int]], list[Any]]:
    """The pairs that are drawn, and the outcome: "then", or an error."""
    drawn: list[tuple[str, int]] = []
    outcome: list[Any] = []

    def rebuild(self: Any, name: str, font_id: str, index: int, done: Any) -> None:
        drawn.append((font_id, index))
        answer = recorded.get((font_id, index), True)
        done(answer if isinstance(answer, FontmillError) else {"as_recorded": answer})

    monkeypatch.setattr(ProjectOperations, "rebuild", rebuild)
    operations = ProjectOperations(None, None)  # type: ignore[arg-type]  neither is used
    operations._drawn_alike("p", deque(PAIRS), lambda: outcome.append("then"), outcome.append)
    return drawn, outcome


def test_pairs_that_draw_as_recorded_or_not_at_all_do_not_stop_it(monkeypatch):
    assert tried(monkeypatch, {("a", 2): None, ("b", 1): FontmillError("font-changed")}) == (PAIRS, ["then"])


def test_one_font_is_named_with_its_pair(monkeypatch):
    drawn, (error,) = tried(monkeypatch, {("b", 5): False})
    assert drawn == PAIRS
    assert error.slug == "fingerprint-differs" and error.details == {"font": "b", "index": 5, "fonts": ["b"]}
    assert error.message == "Pair 5 of b draws differently now than its label says; nothing was changed."


def test_every_font_is_named_and_none_is_drawn_again_once_it_is_known(monkeypatch):
    drawn, (error,) = tried(monkeypatch, {("a", 1): False, ("c", 3): False})
    assert drawn == [("a", 1), ("b", 1), ("b", 5), ("c", 3)]
    assert error.details == {"font": "a", "index": 1, "fonts": ["a", "c"]}
    assert "and so do those of c" in error.message


class Deleting:
    """Disk work that has removed a few pictures, and then all."""

    def delete(self, path: str, session_id: str, tell: Any, done: Any) -> None:
        tell("s", {"project_path": path, "removed_images": 3, "total_images": 8})
        done({"project_path": path})


def test_a_deletion_tells_how_far_it_is():
    house, answers = House(), []
    ProjectOperations(house.manager, Deleting()).delete("/out/p", answers.append)  # type: ignore[arg-type]  nothing else is used
    assert answers == [{"project_path": "/out/p"}]
    assert house.told("delete-progress", "s") == [{"project_path": "/out/p", "removed_images": 3, "total_images": 8}]


def test_what_a_deletion_removes_is_told_now_and_then(monkeypatch):
    told = []
    monkeypatch.setattr(diskwork, "TELL_SECONDS", 1e9)
    removal = Removal(3, lambda removed, total: told.append((removed, total)))
    removal.one()
    assert told == []
    monkeypatch.setattr(diskwork, "TELL_SECONDS", -1.0)
    removal.one()
    removal.one()
    assert told == [(2, 3), (3, 3)]
