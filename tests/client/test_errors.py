"""The catalogue: unique, in its bands, and unharmed by the wire."""

from __future__ import annotations

import pytest

from fontmill.errors import CATALOGUE, ErrorKind, FontmillError


def test_codes_are_unique_and_in_bands() -> None:
    codes = [kind.code for kind in CATALOGUE.values()]
    assert len(set(codes)) == len(codes)
    assert all(100 <= code < 600 for code in codes)


@pytest.mark.parametrize("kind", CATALOGUE.values(), ids=lambda kind: kind.slug)
def test_every_kind_says_what_to_do(kind: ErrorKind) -> None:
    assert kind.meaning.endswith(".")
    assert kind.action.endswith(".")
    assert kind.exit_status != 0
    back = FontmillError.from_wire(FontmillError(kind.slug, "It broke.", {"a": 1}, after_ms=5).to_wire())
    assert (back.slug, back.message, back.details, back.action, back.after_ms) == (kind.slug, "It broke.", {"a": 1}, kind.action, 5)


def test_a_slug_of_the_future_is_internal_and_keeps_its_words() -> None:
    error = FontmillError.from_wire({"n": "from-the-future", "m": "It broke.", "action": "Mend it."})
    assert (error.slug, str(error)) == ("internal", "It broke. Mend it.")
