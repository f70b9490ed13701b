"""Presets: ranges of the sources, TOML with precise errors, parts registered by others."""

import importlib
import json

import numpy as np
import pytest

from fontmilld.render import extensions, fingerprint, presetfile
from fontmilld.render.effects import Effect, Layers
from fontmilld.render.pair import PairRenderer, RenderedPair
from fontmilld.render.presetlib import SOURCES
from fontmilld.render.recipe import Spec
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


def draws(preset, count=1500, size=20.0):
    found = presetfile.get(preset)
    for index in range(count):
        streams = SampleStreams(3, "cd" * 32, 0, index)
        yield found.sample(size, streams.of(Concern.PSF), streams.of(Concern.NOISE))


def test_hradis_has_the_ranges_of_the_paper():
    steps = [d.steps for d in draws("hradis2015")]
    radii = [s[0]["radius"] for s in steps if s[0].kind == "disc"]
    supports = [s[0]["support"] for s in steps if s[0].kind == "motion"]
    sigmas = [s[1]["sigma"] for s in steps]
    for values, low, high in ((radii, 0, 4), (supports, 5, 21), (sigmas, 0, 7)):
        counts, _ = np.histogram(values, bins=5, range=(low, high))
        assert low <= min(values) <= max(values) <= high
        assert counts.min() > 0.7 * len(values) / 5
    found = presetfile.get("hradis2015")
    assert (found.size_px, found.rotation, found.tilt) == ((17.0, 25.0), 1.0, 4.0)


def test_realesrgan_has_the_shares_of_the_paper():
    kinds = [d.steps[0].kind for d in draws("realesrgan")]
    shares = {kind: kinds.count(kind) / len(kinds) for kind in set(kinds)}
    # Of the nine tenths that are no sinc: isotropic .45, anisotropic .25, generalised .15, plateau .15.
    wanted = {"gaussian": 0.405, "elliptic-gaussian": 0.225, "generalised-gaussian": 0.135, "plateau": 0.135, "sinc": 0.1}
    assert shares == pytest.approx(wanted, abs=0.04)
    for spec in draws("realesrgan", 300):
        for step in spec.steps:
            if step.kind == "jpeg":
                assert 30 <= step["quality"] <= 95
            if step.kind == "gaussian-noise":
                assert 1 <= step["sigma"] <= 30


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
