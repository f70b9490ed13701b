"""Effects work on the part of a picture that has ink, and give what they would give on all of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fontmilld.render import effects
from fontmilld.render.recipe import Background, StyleSpec
from fontmilld.render.stream import Concern, SampleStreams


def everywhere(mask, _):
    return slice(0, mask.shape[0]), slice(0, mask.shape[1])


def layers_of(text, specs):
    found = effects.apply(text.copy(), specs)
    return [found.text, *(mask for mask, _ in (*found.under, *found.over))]


@pytest.mark.parametrize("kind", effects.EFFECTS)
@given(st.integers(1, 10**6), st.integers(1, 70), st.integers(1, 150), st.booleans(), st.floats(8, 50))
def test_the_part_with_ink_is_enough(kind, index, rows, cols, has_ink, size):
    dice = np.random.default_rng(index)
    text = np.zeros((rows, cols), np.uint8)
    if has_ink:
        top, left = int(dice.integers(rows)), int(dice.integers(cols))
        part = text[top : top + rows // 2 + 1, left : left + cols // 2 + 1]
        part[:] = dice.integers(0, 256, part.shape) * dice.integers(0, 2, part.shape)
    style = StyleSpec(size, 0.0, 0.0, (10,), Background("plain", (200,), (200,)))
    stream = SampleStreams(1, "ab" * 32, 0, index).of(Concern.EFFECT)
    specs = (effects.find(kind).sample(stream, style), effects.find("emboss").sample(stream, style))
    parts = layers_of(text, specs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(effects, "_around", everywhere)
        whole = layers_of(text, specs)
    assert all((one == other).all() for one, other in zip(parts, whole, strict=True))
