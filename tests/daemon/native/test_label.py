"""The JSON of clusters made by the compiled core against that of what Python finds."""

from __future__ import annotations

import random

import orjson
import pytest

from fontmilld.native import core
from fontmilld.render import labels

if core is None:
    pytest.skip("core was not compiled", allow_module_level=True)

CHARACTERS = "ab é\n\t\u2028\u3000\xa0\x1f\u0301\u0e01\U0001f642\U0001d11e"
SPREADS = (0.004, 0.5, 1, 40, 300, 5000, 1e6, 9e9)


def corners(luck: random.Random):
    spread = luck.choice(SPREADS)
    digits = luck.choice((0, 1, 2, 3, 17))
    return tuple(round(luck.uniform(-spread, spread), digits) for _ in range(4))


def test_both_write_the_same():
    luck = random.Random(3)
    for _ in range(3000):
        text = "".join(luck.choices(CHARACTERS[: luck.choice((2, 4, 20))], k=luck.randrange(1, 30)))
        starts = sorted(luck.sample(range(len(text)), luck.randrange(1, len(text) + 1)))
        boxes = tuple((start, corners(luck)) for start in starts)
        assert core.cluster_json(text, boxes) == orjson.dumps(labels.clusters(text, boxes)), (text, boxes)


def test_edges_that_look_odd_are_written_alike():
    for edge in (0.0, -0.0, -0.001, -0.01, 0.01, -0.1, 0.1, 0.07, 0.29, 1.15, -1.15, 10, 99.99, 100.0, -100.005, 4096.5, 5e-324):
        boxes = ((0, (edge, edge, edge, edge)),)
        assert core.cluster_json("x", boxes) == orjson.dumps(labels.clusters("x", boxes)), edge


def test_a_text_without_ink_has_no_clusters():
    assert core.cluster_json("", ()) == b"[]"


BOX = (0.0, 0.0, 1.0, 1.0)


@pytest.mark.parametrize(("text", "boxes", "error"), [
    (b"x", (), TypeError), ("x", [], TypeError), ("x", ((0, BOX, 1),), TypeError), ("x", (0,), TypeError), ("x", ((0, BOX[:3]),), TypeError),
    ("x", ((0, [*BOX]),), TypeError), ("x", ((0.5, BOX),), TypeError), ("x", ((0, ("a", *BOX[1:])),), TypeError),
    ("x", ((2, BOX),), ValueError), ("x", ((-1, BOX),), ValueError), ("x", ((2**70, BOX),), OverflowError),
    ("x", ((0, (1e13, *BOX[1:])),), ValueError), ("x", ((0, (float("nan"), *BOX[1:])),), ValueError),
    ("x", ((0, (float("inf"), *BOX[1:])),), ValueError), ("xy", ((0, BOX), (7, BOX)), ValueError),
])  # fmt: skip
def test_what_is_no_cluster_is_an_error(text, boxes, error):
    with pytest.raises(error):
        core.cluster_json(text, boxes)
