"""Paths walked by the compiled core against those walked in Python."""

from __future__ import annotations

import random

import pytest

from fontmilld.native import core
from fontmilld.render import presets

if core is None:
    pytest.skip("core was not compiled", allow_module_level=True)


def test_both_walk_alike():
    luck = random.Random(8)
    for _ in range(5000):
        units = [luck.random() for _ in range(3 * luck.choice((1, 2, 11, 11, 11, 64)))]
        given = units, luck.uniform(0, 6.2832), luck.uniform(0.1, 1.2), luck.choice((0.0, 1, 1.0, luck.uniform(1, 100)))
        assert repr(core.walk(*given)) == repr(presets.walk(*given)), given


@pytest.mark.parametrize(("units", "error"), [
    ([], ValueError), ([0.1] * 4, ValueError), ([0.1] * 195, ValueError), ((0.1,) * 3, TypeError), (["a"] * 3, TypeError),
])  # fmt: skip
def test_what_is_no_walk_is_an_error(units, error):
    with pytest.raises(error):
        core.walk(units, 1.0, 1.0, 5.0)
