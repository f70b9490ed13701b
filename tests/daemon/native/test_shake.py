"""The compiled Stream against the one in Python: the same numbers, whatever is asked."""

from __future__ import annotations

import random

import pytest

from fontmilld.native import core
from fontmilld.render.stream import Concern, SampleStreams, Stream

if core is None:
    pytest.skip("core was not compiled", allow_module_level=True)

SPREADS = (0, 1e-9, 1e-6, 1e-4, 0.3, 1, 7, 1e3, 1e5, 2.0**30, 1e10, 1e17, 1e300)
SEQUENCES = ((1, 2, 3), [4], "abcdef", range(9), tuple(range(5000)))
BOUNDS = (1, 2, 3, 10, 1000, 2**16, 2**31, 2**32 - 1)


def pair(luck: random.Random):
    place = luck.randbytes(luck.choice((0, 1, 16, 16, 16, 135, 159))), luck.randrange(2**16), luck.randrange(2**16)
    return Stream(*place), core.Stream(*place)


def question(luck: random.Random):
    name = luck.choice(("word", "unit", "uniform", "below", "normal", "chance", "choice", "weighted"))
    spread = luck.choice(SPREADS)
    asked = {
        "uniform": (luck.uniform(-spread, spread), luck.choice((luck.uniform(-spread, spread), luck.randrange(9)))),
        "below": (luck.choice(BOUNDS),),
        "normal": (spread,),
        "chance": (luck.choice((0, 1, 0.5, luck.random())),),
        "choice": (luck.choice(SEQUENCES),),
        "weighted": ([(n, luck.choice((1, 0.1, 1e-6, luck.random()))) for n in range(luck.randrange(1, 9))],),
    }
    return name, asked.get(name, ())


def test_both_give_the_same_numbers():
    luck = random.Random(5)
    for _ in range(2000):
        slow, fast = pair(luck)
        for _ in range(luck.randrange(50)):
            name, asked = question(luck)
            wanted, found = getattr(slow, name)(*asked), getattr(fast, name)(*asked)
            # repr, as -0.0 equals 0.0 and True equals 1, but neither looks the same in a label.
            assert (repr(found), type(found)) == (repr(wanted), type(wanted)), (name, asked)


def test_rounding_is_that_of_python_at_every_size():
    luck = random.Random(6)
    for exponent in range(-80, 45):
        for _ in range(40):
            value = luck.choice((-1, 1)) * luck.uniform(1, 2) * 2.0**exponent
            assert repr(core.Stream(b"", 1, 0).uniform(value, value)) == repr(round(value, 4))


@pytest.mark.parametrize("value", [0.00005, 0.00015, 0.03125, -0.03125, 0.09375, 2.5, -0.0, 5e-324, 1e308, 0.12345])
def test_ties_are_rounded_as_python_does(value):
    assert repr(core.Stream(b"", 1, 0).uniform(value, value)) == repr(round(value + 0.0 * 0.5, 4))


def test_samples_are_drawn_from_the_compiled_one():
    assert type(SampleStreams(1, "ab", 0, 1).of(Concern.TEXT)) is core.Stream


@pytest.mark.parametrize("place", [(b"k" * 160, 1, 0), (b"k", -1, 0), (b"k", 1, 2**16), (b"k", 2**16, 0)])
def test_a_place_that_does_not_fit_is_refused(place):
    with pytest.raises(ValueError, match="159 bytes"):
        core.Stream(*place)


@pytest.mark.parametrize(("name", "asked", "error"), [
    ("below", (0,), ValueError), ("below", (2**32,), ValueError), ("below", (2**80,), OverflowError), ("below", (1.5,), TypeError),
    ("uniform", (1,), TypeError), ("uniform", (1, "2"), TypeError), ("normal", ("1",), TypeError), ("chance", (None,), TypeError),
    ("choice", ((),), IndexError), ("choice", (5,), TypeError), ("weighted", ((),), IndexError), ("weighted", (5,), TypeError),
    ("weighted", ([(1,)],), TypeError), ("weighted", ([1],), TypeError), ("weighted", ([(1, "x")],), TypeError),
])  # fmt: skip
def test_what_cannot_be_drawn_is_an_error(name, asked, error):
    with pytest.raises(error):
        getattr(core.Stream(b"key", 1, 0), name)(*asked)
