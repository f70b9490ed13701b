"""The documents at the end say what is in the tree, with bounded effort, the same bytes for the same tree."""

from __future__ import annotations

import base64
import itertools
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fontmill.model import ExportSession, FontInfo
from fontmilld.core import layout
from fontmilld.core.labels import label_line
from fontmilld.core.ranges import RangeSet
from fontmilld.documents import report as reports
from fontmilld.documents.accounts import Account, accounts_of, some_labels
from fontmilld.documents.card import dataset_card
from fontmilld.documents.charts import _binned, histogram, shares
from fontmilld.documents.croissant import croissant
from fontmilld.documents.final import final_documents
from fontmilld.store.checkpoint import Failure, FontState
from fontmilld.store.files import LocalTree
from fontmilld.testing.disk import SimulatedDisk
from fontmilld.testing.export import PROJECT, label, picture, small_session

EVIL = "Evil | `x` <script>alert(1)</script>\n---\n"
NONE = RangeSet()
VOID = {"meta", "img", "br"}


def info(font_id: str, samples: int = 7, **more: Any) -> FontInfo:
    return FontInfo(font_id, f"/home/me/secret/{font_id}.ttf", sha256="ab" * 32, total_samples=samples, **more)


def state(font_id: str, done: int, failed: RangeSet = NONE, length: int = 0) -> FontState:
    failures = (Failure("text-unfit", "no text <fits>", failed),) if failed else ()
    return FontState(font_id, RangeSet.span(1, done) - failed, failures, length)


def tree_with(lines: dict[str, list[bytes]], images: bool = True) -> LocalTree:
    """A tree that holds these labels, and the pictures they name."""
    tree = LocalTree(PROJECT, create=True, kernel=SimulatedDisk())
    for font_id, labels in lines.items():
        tree.make_dir(layout.images_dir(font_id))
        tree.write(layout.samples_file(font_id), b"".join(labels))
        for line in labels if images else ():
            for half in layout.HALVES:
                name = json.loads(line)[f"{half}_file_name"]
                tree.write(f"{layout.font_dir(font_id)}/{name}", picture(font_id, json.loads(line)["index"], half))
    return tree


def line(font_id: str, index: int, **more: Any) -> bytes:
    names = [layout.image_name(font_id, index, half, 3) for half in layout.HALVES]
    return label_line(index, *names, {**label(font_id, index), **more})


def session_of(*fonts: FontInfo) -> ExportSession:
    return replace(small_session(), fonts=fonts)


# The card --------------------------------------------------------------------------------------------------


def test_the_card_names_every_font_that_has_samples_and_nothing_can_break_out_of_it() -> None:
    fonts = (info("dev", family=EVIL, record={"licence": "OFL-1.1", "licence_evidence": EVIL}), info("none"), info("refused", slug="font-unreadable"))
    accounts = accounts_of(session_of(*fonts), {"dev": state("dev", 3), "none": state("none", 0)})
    card = dataset_card(session_of(*fonts), accounts)
    head = card.split("---\n")[1]
    assert "- fonts/*/metadata.jsonl\n" in head and "- fonts/*/images/*.png\n" in head
    assert "`none`" not in card and "refused" not in card and "<script>" not in card
    assert card.count("\n---\n") == 1
    row = next(text for text in card.splitlines() if text.startswith("| `dev`"))
    assert row.replace("\\|", "").count("|") == 9


def test_the_ledger_counts_pairs_by_licence() -> None:
    fonts = (info("a", record={"licence": "OFL-1.1"}), info("b", record={"licence": "OFL-1.1"}), info("c"))
    accounts = accounts_of(session_of(*fonts), {"a": state("a", 3), "b": state("b", 4), "c": state("c", 5)})
    card = dataset_card(session_of(*fonts), accounts)
    assert "| OFL-1.1 | 2 | 7 |" in card and "| unknown | 1 | 5 |" in card


# Croissant -------------------------------------------------------------------------------------------------


def test_croissant_describes_every_kind_of_picture_and_every_licence() -> None:
    fonts = (info("a", record={"licence": "OFL-1.1"}), info("b", record={"licence": "GUST"}))
    session = replace(session_of(*fonts), config=replace(small_session().config, masks=True))
    told = json.loads(croissant(session, accounts_of(session, {"a": state("a", 3), "b": state("b", 4)})))
    assert told["license"] == ["GUST", "https://spdx.org/licenses/OFL-1.1"]
    assert [files["includes"] for files in told["distribution"]] == [
        "fonts/*/metadata.jsonl", "fonts/*/images/*_clear.png", "fonts/*/images/*_blurred.png", "fonts/*/images/*_mask.png"]
    assert [records["name"] for records in told["recordSet"]] == ["pairs", "clear", "blurred", "mask"]
    known = {files["@id"] for files in told["distribution"]}
    leaves = [leaf for records in told["recordSet"] for field in records["field"] for leaf in field.get("subField", [field])]
    assert all(leaf["source"]["fileSet"]["@id"] in known for leaf in leaves)
    assert told["description"].startswith("7 pairs")


# Labels chosen evenly --------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.lists(st.integers(0, 900), min_size=1, max_size=40), st.integers(1, 12))
def test_chosen_labels_are_whole_in_order_and_spread_over_the_file(padding: list[int], count: int) -> None:
    lines = [line("f", number, pad="x" * size) for number, size in enumerate(padding, 1)]
    length = sum(map(len, lines))
    account = Account(info("f", len(lines)), state("f", len(lines), length=length))
    indices = [found["index"] for found in some_labels(tree_with({"f": lines}, images=False), account, count)]
    assert indices == sorted(set(indices)) and indices[0] == 1
    if len(lines) <= count:
        assert indices == list(range(1, len(lines) + 1))
    else:
        assert len(indices) <= count


def test_a_long_file_is_not_read_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line("f", number, pad="x" * 1000) for number in range(1, 2001)]
    tree = tree_with({"f": lines}, images=False)
    account = Account(info("f", 2000), state("f", 2000, length=sum(map(len, lines))))
    read: list[int] = []
    whole = tree.read
    monkeypatch.setattr(tree, "read", lambda name, start=0, length=None: read.append(length) or whole(name, start, length))
    indices = [found["index"] for found in some_labels(tree, account, 10)]
    assert len(indices) == 10 and all(abs(b - a - 200) <= 1 for a, b in itertools.pairwise(indices))
    assert sum(read) <= 10 * (32 << 10)


# The report ------------------------------------------------------------------------------------------------


class Balanced(HTMLParser):
    """Raises when elements are not closed in order; collects what the file refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def reported(samples: int = 7, **more: Any) -> tuple[str, LocalTree]:
    fonts = (info("a", samples, family=EVIL, record={"licence": EVIL, "scripts": {"Latn": 90}, "usable_count": 90}),
             info("b", samples, record={"lacks_text_sources": ["codes"]}), info("bad", samples, slug="font-unreadable", reason="broken"))
    failed = RangeSet.span(2, 3)
    lines = {"a": [line("a", index, text=EVIL, **more) for index in range(1, samples + 1)],
             "b": [line("b", index) for index in range(1, samples + 1) if index not in failed]}
    tree = tree_with(lines)
    states = {"a": state("a", samples, length=sum(map(len, lines["a"]))), "b": state("b", samples, failed, sum(map(len, lines["b"])))}
    session = session_of(*fonts)
    return reports.report(tree, session, accounts_of(session, states)).decode(), tree


def test_the_report_says_which_fonts_have_nothing_of_a_text_source() -> None:
    html, _ = reported()
    assert "Nothing from <b>codes</b> in b, which" in html


def test_the_report_is_one_sound_file_that_refers_to_nothing_and_runs_nothing() -> None:
    html, _ = reported()
    parser = Balanced()
    parser.feed(html)
    assert parser.open == []
    assert parser.sources and all(source.startswith("data:image/png;base64,") for source in parser.sources)
    assert "<script" not in html and "/home/me" not in html and "0123456789abcdef" not in html


def test_the_report_counts_what_was_made_failed_and_refused_and_why() -> None:
    text = re.sub(r"<[^>]+>", " ", reported()[0])
    assert re.search(r"asked for\s+21\s+made\s+12\s+failed\s+2\s+skipped\s+7", text)
    assert re.search(r"font-unreadable\s+broken\s+7\s+bad\.ttf", text)
    assert re.search(r"text-unfit\s+no text &lt;fits&gt;\s+2\s+b", text)


def test_the_report_tells_a_seed_and_a_level_of_0_and_no_options_that_are_off() -> None:
    html, _ = reported()
    assert "<tr><td>seed</td><td>0</td></tr>" in html
    assert "<td>style_variations</td>" not in html


def test_the_report_shows_the_files_themselves() -> None:
    html, _tree = reported()
    shown = [base64.b64decode(data) for data in re.findall(r"base64,([^\"]+)", html)]
    assert picture("a", 1, "clear") in shown and picture("b", 7, "blurred") in shown
    assert len(shown) == 2 * 12


def test_the_report_is_bounded_in_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "PAIRS", 5)
    assert len(re.findall("base64,", reported(40)[0])) == 2 * 5
    monkeypatch.setattr(reports, "PICTURE_BYTES", 300)
    assert 0 < len(re.findall("base64,", reported(40)[0])) < 2 * 5


def test_a_project_without_a_single_pair_has_documents_too() -> None:
    session = session_of(info("a"))
    tree = tree_with({"a": []})
    made = final_documents(tree, session, {"a": state("a", 0)})
    assert set(made) == {"README.md", "croissant.json", "report.html"}
    assert orjson.loads(made["croissant.json"])["license"] == "unknown"


def test_the_same_tree_gives_the_same_documents() -> None:
    assert reported()[0] == reported()[0]


# Charts ----------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(-1e6, 1e6), max_size=60))
def test_a_histogram_is_sound_whatever_the_values(values: list[float]) -> None:
    parser = Balanced()
    parser.feed(histogram("A & B", "px", values))
    assert parser.open == []


def test_a_histogram_tells_median_mean_and_ends() -> None:
    assert "median 2.0, mean 3.0, 1.0 to 9.0 px" in histogram("x", "px", [9, 1, 1, 2, 2])
    assert histogram("x", "px", [3.0, 3.0]).count("<rect") == 1


@given(st.lists(st.integers(0, 400), min_size=1, max_size=300))
def test_no_bin_of_whole_numbers_is_empty_by_its_width(values: list[int]) -> None:
    every = [*range(min(values), max(values) + 2)]
    counts = _binned(every, every[0], every[-1])
    assert sum(counts) == len(every) and all(counts)


def test_shares_come_in_order_of_size() -> None:
    made = shares("x", {"few": 1, "many": 3})
    assert made.index("many") < made.index("few") and "75.0 %" in made
