"""The grammar of text mixtures, and the rules between options, as both sides check them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fontmill.errors import FontmillError
from fontmill.pictures import TEXT_SOURCES, mixture
from fontmill.verbs import validate

BASE = {"output_path": "/o", "project_name": "p", "fonts": ["/f"]}


@given(st.dictionaries(st.sampled_from(TEXT_SOURCES), st.floats(1e-3, 1e5), min_size=1))
def test_what_is_written_as_a_mixture_reads_back(weights: dict[str, float]) -> None:
    assert mixture(", ".join(f"{name}:{weight}" for name, weight in weights.items())) == weights


def test_a_source_without_a_weight_weighs_one() -> None:
    assert mixture("words,codes:0.5") == {"words": 1.0, "codes": 0.5}


@pytest.mark.parametrize("text", ["", "poems", "words,words", "words:0", "words:-1", "words:many", "words:nan", "words:inf", "words;codes"])
def test_other_words_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^text: "):
        mixture(text)


@pytest.mark.parametrize(("args", "field"), [
    ({"text": "poems"}, "text"),
    ({"text": "user"}, "text_content"),
    ({"text": "user:1,words", "text_content": " \n"}, "text_content"),
    ({"text": "words", "text_content": "mine"}, "text"),
    ({"preset": "none"}, "preset"),
    ({"preset": "plain", "preset_source": "light = 'gamma'"}, "preset"),
    ({"text_min_words": 7}, "text_min_words"),
    ({"text_min_chars": 20}, "text_min_chars"),
    ({"text_lines": 9}, "text_lines"),
    ({"png_level": 13}, "png_level"),
    ({"png_level": -1}, "png_level"),
    ({"effects": ["shadow"]}, "effects"),
    ({"text": "user", "text_content": "x" * ((4 << 20) + 1)}, "text_content"),
    ({"text": "user", "text_content": "\ud800"}, "text_content"),
])
def test_options_that_do_not_fit_together_are_refused_by_name(args: dict[str, Any], field: str) -> None:
    with pytest.raises(FontmillError) as refused:
        validate("start", {**BASE, **args})
    assert (refused.value.slug, refused.value.details["field"]) == ("invalid-argument", field)


def test_options_that_fit_together_pass() -> None:
    args = validate("start", {**BASE, "text": "user:2,codes", "text_content": "one\ntwo\t\u0633\n", "preset": "mine",
                              "preset_source": "step = []", "effects": ["shadow"], "enable_special_effects": True})
    assert args["text_content"] == "one\ntwo\t\u0633\n"
