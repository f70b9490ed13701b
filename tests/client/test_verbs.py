"""The verb table: validation names the field, fills defaults, and never raises anything else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fontmill.errors import FontmillError
from fontmill.verbs import VERBS, validate

START = {"output_path": "/data", "project_name": "plates", "fonts": ["/fonts"]}
NAMES = sorted({arg.name for verb in VERBS.values() for arg in verb.args})
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=5)
values = scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.text(max_size=5), scalars, max_size=2)


def refusal(op: str, args: dict[str, Any]) -> FontmillError:
    with pytest.raises(FontmillError) as caught:
        validate(op, args)
    return caught.value


@given(st.sampled_from(sorted(VERBS)), st.dictionaries(st.sampled_from(NAMES), values, max_size=5))
def test_any_arguments_raise_only_invalid_argument(op: str, args: dict[str, Any]) -> None:
    try:
        filled = validate(op, args)
    except FontmillError as error:
        assert error.slug == "invalid-argument"
        assert error.details["field"].partition("[")[0] in {arg.name for arg in VERBS[op].args}
    else:
        assert set(filled) == {arg.name for arg in VERBS[op].args}
        assert validate(op, filled) == filled


def test_defaults_are_filled_in_and_unknown_keys_ignored() -> None:
    filled = validate("start", {**START, "from_the_future": 1})
    assert filled["num_samples"] == 100
    assert filled["fonts"] == ("/fonts",)
    assert "from_the_future" not in filled


@pytest.mark.parametrize(("change", "field"), [
    ({"num_samples": 0}, "num_samples"), ({"num_samples": 10**9}, "num_samples"), ({"num_samples": True}, "num_samples"),
    ({"num_samples": "5"}, "num_samples"), ({"image_width": 1}, "image_width"), ({"image_height": 99999}, "image_height"),
    ({"seed": -1}, "seed"), ({"seed": 2**63}, "seed"), ({"output_path": "data"}, "output_path"),
    ({"output_path": "/data/../etc"}, "output_path"), ({"output_path": "/a\nb"}, "output_path"),
    ({"output_path": "/" + "x" * 5000}, "output_path"), ({"output_path": "/\ud800"}, "output_path"),
    ({"project_name": ""}, "project_name"), ({"project_name": ".hidden"}, "project_name"),
    ({"project_name": "a/b"}, "project_name"), ({"project_name": "ä" * 60}, "project_name"),
    ({"fonts": []}, "fonts"), ({"fonts": "/fonts"}, "fonts"), ({"fonts": ["/fonts", "x"]}, "fonts[1]"),
    ({"preset": "none"}, "preset"), ({"style_variations": 1}, "style_variations"), ({"output_path": None}, "output_path"),
])
def test_refusals_name_the_field(change: dict[str, Any], field: str) -> None:
    error = refusal("start", {**START, **change})
    assert error.details == {"field": field}
    assert error.message.startswith(f"{field}: ")


@pytest.mark.parametrize("name", ["plates", "a.b-c_d", "Ελληνικά", "文字", "2026"])
def test_project_names_in_any_script(name: str) -> None:
    assert validate("start", {**START, "project_name": name})["project_name"] == name


@pytest.mark.parametrize("op", ["", "__class__", "start.run", "x" * 1000])
def test_unknown_verbs(op: str) -> None:
    assert refusal(op, {}).slug == "unknown-verb"
