"""Fonts and sessions on their way to be on record as finished: none is lost, none is asked for twice, whatever the storage does."""

from __future__ import annotations

from collections import Counter, deque

from hypothesis import given
from hypothesis import strategies as st

from fontmilld.core.finishing import Finishing

FONTS = ("a", "b", "c", "d")
steps = st.lists(st.one_of(
    st.tuples(st.just("complete"), st.sampled_from(FONTS)),
    st.tuples(st.sampled_from(["take", "record", "refuse", "again", "lose"]), st.just("")),
), max_size=60)


class Storage:
    """Answers what it is asked in order, and loses what it has recorded; what is asked and not answered it does after the loss."""

    def __init__(self) -> None:
        self.finishing = Finishing()
        self.complete: set[str] = set()
        self.recorded: set[str] = set()
        self.asked: deque[tuple[str, ...]] = deque()
        self.asks: Counter[str] = Counter()
        self.setbacks: Counter[str] = Counter()

    def do(self, what: str, font: str = "") -> None:
        if what == "complete":
            self.complete.add(font)
            self.finishing.complete(font)
        elif what == "take":
            self._take()
        elif what in ("record", "refuse") and self.asked:
            self._answer(self.asked.popleft(), what == "record")
        elif what == "again":
            self._again(self.finishing.again())
            assert not self.finishing.held_up
        elif what == "lose":
            lost = self.finishing.rewind()
            assert lost <= self.complete and not self.finishing.waits
            self.recorded.clear()
            self.setbacks.update(lost)
            self._again(sorted(lost))

    def _take(self) -> None:
        taken = self.finishing.take()
        assert not self.finishing.waits and len(set(taken)) == len(taken)
        self.asks.update(taken)
        if taken:
            self.asked.append(taken)

    def _answer(self, fonts: tuple[str, ...], recorded: bool) -> None:
        self.finishing.answered(fonts, recorded)
        if recorded:
            self.recorded.update(fonts)
        else:
            self.setbacks.update(fonts)

    def _again(self, fonts: list[str]) -> None:
        for font in fonts:
            assert self.finishing.complete(font)


@given(steps)
def test_what_is_complete_comes_on_record_in_the_end_and_is_asked_for_again_only_after_a_setback(made):
    storage = Storage()
    for what, font in made:
        storage.do(what, font)
    for what in ("take", *["record"] * len(made), "again", "take", "record"):
        storage.do(what)
    assert storage.recorded == storage.complete
    assert not storage.finishing.waits and not storage.finishing.held_up
    assert all(storage.asks[font] <= 1 + storage.setbacks[font] for font in FONTS)


@given(steps)
def test_nothing_comes_on_record_in_a_tree_that_is_left(made):
    finishing = Finishing()
    finishing.complete("a")
    finishing.leave()
    for what, font in made:
        if what == "complete":
            assert not finishing.complete(font)
    assert finishing.take() == () and finishing.again() == [] and not finishing.waits and not finishing.held_up


def test_fonts_are_taken_in_the_order_in_which_they_were_complete_and_refused_ones_are_named_sorted():
    finishing = Finishing()
    for font in "cab":
        assert finishing.complete(font)
    assert not finishing.complete("a")
    assert finishing.take() == ("c", "a", "b")
    finishing.answered("cab", recorded=False)
    assert finishing.held_up and finishing.again() == ["a", "b", "c"]


@given(st.lists(st.sampled_from(["ask", "record", "refuse", "again", "lose"]), max_size=40))
def test_the_session_is_asked_for_once_unless_it_was_refused_or_lost(made):
    finishing, is_open, out, refused = Finishing(), True, False, False
    for what in made:
        if what == "ask" and finishing.session_is_open:
            finishing.ask_session()
            is_open, out = False, True
        elif what in ("record", "refuse"):
            finishing.session_answered(what == "record")
            refused = refused or (out and what == "refuse")
            out = False
        elif what == "again":
            finishing.again()
            is_open, refused = is_open or refused, False
        elif what == "lose":
            finishing.rewind()
            is_open, out, refused = True, False, False
        assert (finishing.session_is_open, finishing.held_up) == (is_open, refused)
