"""A label put together from parts is, byte for byte, the JSON of its record."""

import orjson
import pytest

from fontmilld.render import degrade, labels, noise, psf
from fontmilld.render.layout import Laid
from fontmilld.render.pair import PairRenderer
from fontmilld.render.presetlib import SOURCES
from fontmilld.render.settings import RenderSettings

RICH = {"style_variations": True, "enable_special_effects": True, "color": "rgb"}
ODD = 'A "quoted" text\\ with <b>\u2028 शब्द สวัสดี 🙂 and\tmore'


def record(recipe, plan, label):
    """Return the label as JSON types, in the order of a line."""
    text, degradation = recipe.text, recipe.degradation
    return {
        "width": recipe.width, "height": recipe.height,
        "blurred_width": recipe.width // degradation.scale, "blurred_height": recipe.height // degradation.scale,
        "scale": degradation.scale, "mode": {1: "L", 3: "RGB"}[recipe.channels],
        "text": text.text, "script": text.script, "language": text.language, "direction": text.direction, "text_source": text.source,
        "recipe": recipe.record(),
        "psf": [
            {"kind": step.kind} | psf.measured(step, kernel) | {"raw_offset": list(dict(step.params).get("raw_offset", (0.0, 0.0)))}
            for step, kernel in zip(plan.spec.steps, plan.kernels, strict=True) if kernel
        ],
        "noise": [step.record() for step in degradation.steps if step.kind in noise.MODELS],
        "order": degradation.order,
        **{name: label[name] for name in ("text_box", "clusters", "psnr", "snr")},
    }  # fmt: skip


@pytest.mark.parametrize("preset", SOURCES)
@pytest.mark.parametrize("options", [{}, RICH, {"text": "user", "text_content": ODD}], ids=["plain", "rich", "user"])
def test_the_parts_make_the_whole(faces, preset, options):
    for name in ("inter", "amiri"):
        render = PairRenderer(RenderSettings(preset=preset, image_height=96, text_lines=2, **options), faces[name], "ab" * 32)
        # Together and apart: what is remembered from pair to pair must not show.
        for pair in (*render.render_range(1, 6), render.render(3)):
            recipe = render.recipe(pair.index)
            wanted = record(recipe, degrade.prepare(recipe.degradation), pair.label)
            assert b"{%b}" % pair.members == orjson.dumps(wanted)
            assert recipe.width % recipe.degradation.scale == 0


def test_clusters_are_the_json_of_what_is_found():
    boxes = ((0, (-0.001, -2.5, 3.0, 4.129)), (3, (5.0, 0.0, 7.01, 1.0)))
    assert orjson.loads(labels.cluster_json("ab cd", Laid((), boxes, ()))) == labels.clusters("ab cd", boxes)
