"""A preview chooses fonts evenly, tells what was refused, and is answered once whatever happens."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fontmill.errors import FontmillError
from fontmill.verbs import validate
from fontmilld.inspection import Redraw
from fontmilld.pool.messages import BatchFailed, ProbeDone, RedrawDone, RedrawTask, SheetDone, fits
from fontmilld.preview import Preview
from fontmilld.testing.export import small_session
from fontmilld.testing.house import House, Probes

FONTS = tuple(f"/f/{name}.ttf" for name in "abcdefgh")


def previewed(fonts: tuple[str, ...] = FONTS, probes: Any = None, **options: Any) -> Any:
    """The one answer to a preview."""
    answers: list[Any] = []
    preview = Preview(validate("preview", {"fonts": ["/f"], **options}), probes or Probes(), answers.append)
    preview.check()
    preview.files_found(list(fonts))
    answer, = answers
    return answer


def shown(answer: dict[str, Any]) -> list[str]:
    return answer["sheet"].decode().split("|")


def test_few_pairs_of_many_fonts_are_of_fonts_chosen_evenly() -> None:
    answer = previewed(pairs=4)
    assert shown(answer) == ["/f/a.ttf 0", "/f/c.ttf 0", "/f/e.ttf 0", "/f/g.ttf 0"]
    assert (answer["pairs"], answer["fonts"]) == (4, 4)


def test_many_pairs_of_few_fonts_take_turns() -> None:
    assert shown(previewed(FONTS[:2], pairs=3)) == ["/f/a.ttf 0", "/f/b.ttf 0", "/f/a.ttf 1"]


def test_a_refused_font_is_told_with_its_reason_and_the_others_are_shown() -> None:
    answer = previewed(("/f/bad.ttf", "/f/a.ttf"), pairs=2)
    assert shown(answer) == ["/f/a.ttf 0", "/f/a.ttf 1"]
    assert [(font["source"], font["slug"]) for font in answer["refused_fonts"]] == [("/f/bad.ttf", "font-unreadable")]


class Doubles(Probes):
    """Files whose names begin alike hold the same font."""

    def probe(self, source: str, settings: Any, answer: Any, samples: int = 0) -> None:
        content = source.removesuffix(".ttf").rstrip("0123456789")
        super().probe(source, settings, lambda found: answer(replace(found, sha256=f"{abs(hash(content)):064x}"[:64])), samples)


@pytest.mark.parametrize(("fonts", "pairs", "sheet", "count"), [
    (("/f/bad1.ttf", "/f/a.ttf", "/f/bad2.ttf", "/f/b.ttf", "/f/c.ttf", "/f/bad3.ttf"), 3, ["a.ttf 0", "b.ttf 0", "c.ttf 0"], 3),
    (("/f/a1.ttf", "/f/a2.ttf", "/f/a3.ttf", "/f/b.ttf"), 2, ["a1.ttf 0", "b.ttf 0"], 2),
    (("/f/a1.ttf", "/f/a2.ttf", "/f/bad.ttf", "/f/b.ttf"), 6, ["a1.ttf 0", "b.ttf 0", "a1.ttf 1", "b.ttf 1", "a1.ttf 2", "b.ttf 2"], 2),
    ((*(f"/f/bad{n}.ttf" for n in range(500)), "/f/z.ttf"), 2, ["z.ttf 0", "z.ttf 1"], 1),
])
def test_as_many_pairs_are_drawn_as_asked_for_whatever_files_are_refused_or_the_same(
    fonts: tuple[str, ...], pairs: int, sheet: list[str], count: int,
) -> None:
    answer = previewed(fonts, probes=Doubles(), pairs=pairs)
    assert [name.removeprefix("/f/") for name in shown(answer)] == sheet
    assert (answer["pairs"], answer["fonts"]) == (pairs, count)


def test_no_more_files_are_looked_at_than_are_needed() -> None:
    looked_at: list[str] = []

    class Counted(Probes):
        def probe(self, source: str, settings: Any, answer: Any, samples: int = 0) -> None:
            looked_at.append(source)
            super().probe(source, settings, answer, samples)

    previewed(tuple(f"/f/{n:03}.ttf" for n in range(1000)), probes=Counted(), pairs=12)
    assert len(looked_at) == 12


@pytest.mark.parametrize(("fonts", "options", "slug"), [
    ((), {}, "no-fonts"),
    (("/f/bad.ttf",), {}, "no-usable-fonts"),
    (FONTS, {"licences": ["OFL-1.1"]}, "no-usable-fonts"),
])
def test_what_cannot_be_shown_is_an_error(fonts: tuple[str, ...], options: dict[str, Any], slug: str) -> None:
    assert previewed(fonts, **options).slug == slug


def test_an_error_of_the_search_is_the_answer() -> None:
    answers: list[Any] = []
    Preview(validate("preview", {"fonts": ["/f"]}), Probes(), answers.append).files_found(FontmillError("no-fonts"))
    assert [answer.slug for answer in answers] == ["no-fonts"]


@pytest.mark.parametrize(("side", "pairs", "fits_in"), [(4096, 1, False), (2048, 1, True), (1024, 12, False), (256, 60, True)])
def test_a_sheet_too_large_for_a_reply_is_refused_before_a_font_is_read(side: int, pairs: int, fits_in: bool) -> None:
    preview = Preview(validate("preview", {"fonts": ["/f"], "pairs": pairs, "image_width": side, "image_height": side}), Probes(), print)
    if fits_in:
        preview.check()
    else:
        with pytest.raises(FontmillError, match=r"pairs: "):
            preview.check()


class NoSheet(Probes):
    def sheet(self, pairs: Any, columns: int, answer: Any) -> None:
        answer(SheetDone(0, b"", "Its process ended."))


class NothingFits(Probes):
    def probe(self, source: str, settings: Any, answer: Any, samples: int = 0) -> None:
        answer(ProbeDone(0, "0" * 64, ({"face_index": 0, "record": {}, "slug": "", "reason": ""},)))


class Lacking(Probes):
    missing = ("libfribidi is not here.",)


@pytest.mark.parametrize(("probes", "slug"), [(NoSheet(), "internal"), (NothingFits(), "text-unfit"), (Lacking(), "renderer-incomplete")])
def test_trouble_of_the_processes_is_told(probes: Probes, slug: str) -> None:
    assert previewed(probes=probes).slug == slug


def test_the_manager_finds_the_fonts_and_answers() -> None:
    house, answers = House(), []
    house.manager.preview(validate("preview", {"fonts": ["/f/a.ttf"], "pairs": 1}), answers.append)
    house.loop.settle()
    assert shown(answers[0]) == ["/f/a.ttf 0"]


# One pair anew ---------------------------------------------------------------------------------------------


def redraw() -> tuple[Redraw, list[Any]]:
    answers: list[Any] = []
    errand = Redraw(small_session(), "/out/project", "font-0", 3, answers.append)
    assert errand.next_task(7) is not None
    return errand, answers


def test_a_redraw_is_given_out_once_and_its_answer_handed_on() -> None:
    errand, answers = redraw()
    assert errand.next_task(8) is None
    done = RedrawDone(7, {"a.png": b"a"}, b"{}\n")
    errand.task_ended(7, done)
    assert answers == [done]


@pytest.mark.parametrize(("answer", "slug"), [
    (RedrawDone(7, slug="text-unfit", reason="too long"), "text-unfit"), (BatchFailed(7, "font-changed", "gone"), "font-changed"),
])
def test_a_pair_that_cannot_be_made_is_an_error_with_its_reason(answer: Any, slug: str) -> None:
    errand, answers = redraw()
    errand.task_ended(7, answer)
    assert [error.slug for error in answers] == [slug]


def test_a_redraw_that_ends_its_worker_is_not_tried_again() -> None:
    errand, answers = redraw()
    errand.task_lost(7)
    assert [error.slug for error in answers] == ["sample-poison"]
    assert errand.next_task(8) is None


@pytest.mark.parametrize(("reply", "good"), [
    (RedrawDone(7, {"a.png": b"a"}, b"{}\n"), True), (RedrawDone(7, slug="text-unfit"), True), (RedrawDone(7), False),
    (RedrawDone(7, {"a.png": "text"}, b"{}\n"), False), (RedrawDone(7, slug="nonsense"), False), (BatchFailed(7, "font-changed", "gone"), True),
])
def test_only_a_pair_or_a_known_reason_answers_a_redraw(reply: Any, good: bool) -> None:
    assert fits(RedrawTask(7, "s", "font-0", 3), reply) == good
