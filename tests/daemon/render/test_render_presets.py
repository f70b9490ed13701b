"""Presets: ranges of the sources, TOML with precise errors, parts registered by others."""

import functools
import importlib
import json

import numpy as np
import pytest

from fontmilld.render import degrade, extensions, fingerprint, presetfile, psf
from fontmilld.render.effects import Effect, Layers
from fontmilld.render.pair import PairRenderer, RenderedPair
from fontmilld.render.presetlib import SOURCES
from fontmilld.render.recipe import Degradation, Spec
from fontmilld.render.settings import RenderSettings
from fontmilld.render.stream import Concern, SampleStreams

OWN = """
light = "gamma"
step = [ { kind = "disc", radius = [1.0, 2.0] }, { kind = "dust", weight = 2.0 } ]
"""


class Dust:
    """The example of the documentation: a degradation of another package."""

    def sample(self, stream, size):
        return (("specks", 1 + stream.below(20)), ("seed", stream.below(2**31)))

    def apply(self, codes, spec):
        dice = np.random.Generator(np.random.Philox(key=spec["seed"]))
        rows, cols = dice.integers(0, codes.shape[0], spec["specks"]), dice.integers(0, codes.shape[1], spec["specks"])
        codes[rows, cols] = 255
        return codes


DUST = Dust()


def underline(layers: Layers, spec: Spec) -> None:
    line = np.zeros_like(layers.text)
    rows = np.nonzero(layers.text.any(axis=1))[0]
    line[rows.max() : rows.max() + spec["width"]] = 255
    layers.under.append((line, spec["color"]))


UNDERLINE = Effect(
    sample=lambda stream, style: Spec("underline", (("width", 1 + stream.below(2)), ("color", style.color))),
    reach=lambda spec: float(spec["width"]),
    paint=underline,
)


@pytest.fixture
def registered(tmp_path, monkeypatch):
    """Install, for one test, a distribution that registers the two parts above."""
    info = tmp_path / "dusty-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: dusty\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(
        "[fontmill.degradations]\ndust = dusty_parts:DUST\n[fontmill.effects]\nunderline = dusty_parts:UNDERLINE\n"
    )
    import sys

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "dusty_parts", sys.modules[__name__])
    importlib.invalidate_caches()
    caches = (extensions.found, extensions.load, presetfile.get, fingerprint._fingerprint)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def test_parts_of_other_packages_are_used_recorded_and_fingerprinted(registered, faces):
    asked = RenderSettings(preset="dusty", preset_source=OWN, enable_special_effects=True, effects=("underline",))
    render = PairRenderer(asked, faces["inter"], "ab" * 32)
    pairs = [render.render(index) for index in range(1, 9)]
    assert all(isinstance(pair, RenderedPair) for pair in pairs), pairs
    again = PairRenderer(asked, faces["inter"], "ab" * 32)
    assert [again.render(i).blurred for i in range(8, 0, -1)] == [p.blurred for p in reversed(pairs)]
    assert all(pair.label["order"] == ["disc", "dust", "quantise"] for pair in pairs)
    assert {e["kind"] for p in pairs for e in p.label["recipe"]["effects"]} == {"underline"}
    assert 1 <= pairs[0].label["recipe"]["degradation"]["steps"][1]["specks"] <= 20
    found = fingerprint.fingerprint()
    assert found["fontmill.degradations:dust"] == found["fontmill.effects:underline"] == "dusty 1.2"


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("color", ("gray", "rgb"))
def test_every_preset_makes_pairs_of_its_scale(faces, name, color):
    asked = RenderSettings(preset=name, color=color)
    render = PairRenderer(asked, faces["inter"], "ab" * 32)
    for index in range(1, 13):
        label = render.render(index).label
        assert label == json.loads(json.dumps(label))
        assert (label["blurred_width"] * asked.degradations.scale) == label["width"] == 256
        assert label["order"][-1] == "quantise"


def test_sizes_must_suit_the_scale():
    with pytest.raises(ValueError, match="image_width: 254 is no multiple"):
        RenderSettings(preset="realesrgan", image_width=254)


@functools.cache
def draws(preset, count=1500):
    """Return degradations as they are for text of the size at which the preset's lengths hold."""
    found = presetfile.get(preset)
    samples = (SampleStreams(3, "cd" * 32, 0, index) for index in range(count))
    size = found.reference_em or 20.0
    return [found.sampler().sample(size, s.of(Concern.PSF), s.of(Concern.NOISE)) for s in samples]


def drawn_values(preset, at, kinds, name):
    """Return the parameter `name` of the steps at place `at` of the order that are of one of `kinds`."""
    steps = [step for d in draws(preset, 4000) for step in d.steps[at:][:1] if step.kind in kinds]
    return np.array([step[name] for step in steps])


# What the sources say, with the text at the size that they hold for: each is drawn evenly over its range.
RANGES = [
    # Hradis et al., BMVC 2015, section 4: radii, kernel sizes and noise (in codes of 255).
    ("hradis2015", 0, ("disc", "disc-motion"), "radius", 0.0, 4.0),
    ("hradis2015", 0, ("motion", "disc-motion"), "support", 5.0, 21.0),
    ("hradis2015", 1, ("gaussian-noise",), "sigma", 0.0, 7.0),
    # Options of train_realesrgan_x4plus; the first stage stands at 0 to 3, JPEG included.
    ("realesrgan", 0, ("gaussian",), "sigma", 0.2, 3.0),
    ("realesrgan", 0, ("elliptic-gaussian",), "sigma_x", 0.2, 3.0),
    ("realesrgan", 0, ("elliptic-gaussian",), "sigma_y", 0.2, 3.0),
    ("realesrgan", 0, ("isotropic-generalised-gaussian",), "beta", 0.5, 4.0),
    ("realesrgan", 0, ("isotropic-plateau",), "beta", 1.0, 2.0),
    ("realesrgan", 2, ("gaussian-noise",), "sigma", 1.0, 30.0),
    ("realesrgan", 2, ("poisson-noise",), "scale", 0.05, 3.0),
    ("realesrgan", 3, ("jpeg",), "quality", 30, 95),
    ("realesrgan", 4, ("gaussian",), "sigma", 0.2, 1.5),
    ("realesrgan", 6, ("gaussian-noise",), "sigma", 1.0, 25.0),
    ("realesrgan", 6, ("poisson-noise",), "scale", 0.05, 2.5),
    ("realesrgan", -1, ("jpeg",), "quality", 30, 95),
    # RSBlur: shot 8.9e-5 and read 2.9e-5, times 0.5 to 1.5.
    ("textzoom-x2", 2, ("poisson-gaussian-noise",), "shot", 4.45e-5, 13.35e-5),
    ("textzoom-x2", 2, ("poisson-gaussian-noise",), "read", 1.45e-5, 4.35e-5),
    ("textzoom-x2", 0, ("gaussian",), "sigma", 0.4, 1.6),
    ("textzoom-x2", 0, ("disc",), "radius", 0.5, 2.5),
    ("textzoom-x2", -1, ("jpeg",), "quality", 70, 95),
]


@pytest.mark.parametrize(("preset", "at", "kinds", "name", "low", "high"), RANGES)
def test_replicas_draw_evenly_over_the_ranges_of_their_sources(preset, at, kinds, name, low, high):
    values = drawn_values(preset, at, kinds, name)
    slots, whole = 8, isinstance(low, int)
    assert len(values) > 25 * slots
    assert low <= values.min()
    assert values.max() <= high
    counts, _ = np.histogram(values, bins=slots, range=(low, high + (1 if whole else 0)))
    expected = np.full(slots, len(values) / slots)
    if whole:
        edges = np.linspace(low, high + 1, slots + 1)
        expected = np.diff([np.ceil(edge) for edge in edges]) / (high - low + 1) * len(values)
    # Chi squared of 7 degrees exceeds 24.3 once in a thousand; the draws are always the same ones.
    assert ((counts - expected) ** 2 / expected).sum() < 24.3


def test_hradis_texts_have_the_size_and_attitude_of_the_paper(faces):
    asked = RenderSettings(preset="hradis2015", style_variations=True, image_height=96, image_width=512)
    render = PairRenderer(asked, faces["inter"], "ab" * 32)
    styles = [render.recipe(index).style for index in range(1, 801)]
    sizes = np.array([style.size for style in styles])
    assert 16.9 < sizes.min() < 17.6
    assert 24.4 < sizes.max() <= 25.0
    assert np.histogram(sizes, bins=4, range=(17, 25))[0].min() > 0.75 * 800 / 4
    assert np.std([style.rotation for style in styles]) == pytest.approx(1.0, rel=0.08)
    assert np.std([(style.tilt_x, style.tilt_y) for style in styles]) == pytest.approx(4.0, rel=0.08)


def test_realesrgan_has_the_shares_of_its_options():
    specs = draws("realesrgan", 4000)
    kinds = [d.steps[0].kind for d in specs]
    shares = {kind: kinds.count(kind) / len(kinds) for kind in set(kinds)}
    wanted = {
        "gaussian": 0.405, "elliptic-gaussian": 0.225, "sinc": 0.1,
        "isotropic-generalised-gaussian": 0.108, "generalised-gaussian": 0.027,
        "isotropic-plateau": 0.108, "plateau": 0.027,
    }  # fmt: skip
    assert shares == pytest.approx(wanted, abs=0.015)
    for kind, low, (up, down, keep) in (("resize", 0.15, (0.2, 0.7, 0.1)), ("target-resize", 0.3, (0.3, 0.4, 0.3))):
        factors = np.array([step["factor"] for d in specs for step in d.steps if step.kind == kind])
        assert (factors > 1).mean() == pytest.approx(up, abs=0.02)
        assert (factors < 1).mean() == pytest.approx(down, abs=0.02)
        assert (factors == 1).mean() == pytest.approx(keep, abs=0.02)
        assert low <= factors.min() < low + 0.02
    blurs = [sum(step.kind in psf.KINDS - {"sinc"} for step in d.steps) for d in specs]
    assert min(blurs) >= 0
    assert max(blurs) == 2
    assert np.mean(["target-resize" in d.order for d in specs]) == 1


def test_resizes_to_the_target_do_not_hang_on_the_size_before():
    for first in (0.5, 1.5):
        plan = degrade.prepare(Degradation("gamma", tuple(
            Spec(k, (("factor", f), ("filter", "area"))) for k, f in (("resize", first), ("target-resize", 0.7))
        ), 2))  # fmt: skip
        frame = degrade._Frame(np.zeros((64 + 2 * plan.margin, 96 + 2 * plan.margin), np.uint8), plan.margin, plan.spec)
        for step in plan.spec.steps:
            frame.take(step, None)
        whole = ((64 + 2 * plan.margin) // 2, (96 + 2 * plan.margin) // 2)
        assert frame.codes.shape == tuple(round(side * 0.7) for side in whole)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("step = 3", r"own.step: a list"),
        ("step = []", r"own.step: a list"),
        ("stop = []", r"unknown key 'stop'"),
        ("x = [", r"not TOML"),
        ('step = [{ kind = "disk" }]', r"own.step\[0\].kind: 'disk' is not one of identity, disc"),
        ('step = [{ kind = "disc" }]', r"own.step\[0\].radius: is missing"),
        ('step = [{ kind = "disc", radius = [4, 1] }]', r"step\[0\].radius: \[4, 1\] runs backwards"),
        ('step = [{ kind = "disc", radius = 900 }]', r"step\[0\].radius: 900 is not between"),
        ('step = [{ kind = "disc", radius = nan }]', r"step\[0\].radius: nan is not a number"),
        ('step = [{ kind = "jpeg", quality = 30.5 }]', r"step\[0\].quality: 30.5 is not a whole"),
        ('step = [{ kind = "jpeg", quality = [1, 2, 3] }]', r"neither a number nor a pair"),
        ('step = [{ any = [{ kind = "identity" }, { kind = "jpeg", quality = 3 }] }]', r"step\[0\].any: blur"),
        ('light = "dark"\nstep = [{ kind = "identity" }]', r"own.light: 'dark'"),
        ('scale = 2\nstep = [{ kind = "identity" }]', r"final-resize"),
        ('geometry = 3\nstep = [{ kind = "identity" }]', r"geometry: 3 is not a table"),
    ],
)
def test_mistakes_are_named_with_their_place(text, message):
    with pytest.raises(ValueError, match=message):
        presetfile.read("own", text)


def test_an_own_preset_needs_no_registration(faces):
    source = 'light = "linear"\nstep = [{ kind = "gaussian", sigma = [1.0, 1.5] }]'
    label = PairRenderer(RenderSettings(preset="mine", preset_source=source), faces["inter"], "ab" * 32).render(1).label
    assert label["recipe"]["preset"] == "mine"
    assert label["order"] == ["gaussian", "quantise"]
    assert label["noise"] == []


def test_no_length_grows_beyond_the_range_of_its_kind():
    text = """
        light = "gamma"
        reference_em = 6.0
        step = [
          { kind = "disc", radius = [40.0, 50.0] },
          { kind = "disc-motion", radius = 20.0, support = [5.0, 100.0] },
          { kind = "plateau", beta = 2.0, sigma_x = 0.06, sigma_y = [20.0, 30.0], angle = [100.0, 360.0] },
          { kind = "gaussian", sigma = 30.0 },
          { kind = "gaussian-noise", sigma = 128.0 },
        ]"""
    sampler = presetfile.read("mine", text).sampler()
    streams = SampleStreams(3, "cd" * 32, 0, 1)
    disc, shake, plateau, gaussian, noise = sampler.sample(2000.0, streams.of(Concern.PSF), streams.of(Concern.NOISE)).steps
    assert (disc["radius"], shake["radius"], shake["support"]) == (50.0, 50.0, 100.0)
    assert (plateau["beta"], plateau["sigma_x"], plateau["sigma_y"]) == (2.0, pytest.approx(20.0), 30.0)
    assert 100 <= plateau["angle"] <= 360
    assert (gaussian["sigma"], noise["sigma"]) == (30.0, 128.0)
    small = sampler.sample(6.0, streams.of(Concern.PSF), streams.of(Concern.NOISE)).steps
    assert (small[1]["radius"], small[3]["sigma"]) == (20.0, 30.0)
