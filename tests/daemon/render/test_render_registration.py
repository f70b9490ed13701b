"""Registration: the blurred half lies where the clear half lies.

By how much a blurred picture is shifted is a matter of definition, so the estimator matters. Here it is
the mean displacement of the light: the centroid of the kernel, plus whatever else moved the picture.

1. The kernel is built anew from what the label says (disc by area, Gaussian by formula, path by dense
   sampling), by code of this file, and its centroid taken.
2. The clear half, continued with its paper beyond the border, is taken to linear light, convolved with
   that kernel, and taken back. If nothing but blur, noise and JPEG happened, the blurred half is that.
3. What shift explains the rest? Least squares over both axes and an offset, on the gradient of the
   expected picture: unbiased, and near the Cramer-Rao bound (0.01 px at sigma 7, where the centroid of the
   picture itself, or a phase correlation, would be off by 0.1 px from noise or from the kernel's skew).

The shift is the sum of 1 and 3. A second test takes plain centroids of the halves, kernel unknown, of
the same samples without noise and JPEG, where ink is far enough from the border for no light to be lost.
"""

import io
import itertools
import math

import cv2
import numpy as np
import pytest
from PIL import Image

from fontmilld.render import presetlib
from fontmilld.render.pair import PairRenderer, RenderedPair
from fontmilld.render.settings import RenderSettings

PRESET = "document-camera-v1"
NAMES = ("inter", "amiri", "cairo", "devanagari", "thai")
FINE = 16


def pixels(data):
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image).astype(np.float64)


def to_light(codes):
    part = codes / 255
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


def to_codes(light):
    light = np.clip(light, 0, 1)
    return 255 * np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def disc(radius):
    reach = math.ceil(radius) + 1
    at = (np.arange((2 * reach + 1) * FINE) + 0.5) / FINE - reach - 0.5
    inside = (at[:, None] ** 2 + at[None, :] ** 2 <= max(radius, 0.1) ** 2).astype(float)
    side = 2 * reach + 1
    return inside.reshape(side, FINE, side, FINE).sum(axis=(1, 3))


def gaussian(step):
    along, across = (step["sigma"], step["sigma"]) if "sigma" in step else (step["sigma_x"], step["sigma_y"])
    reach, angle = math.ceil(4 * max(along, across)) + 1, math.radians(step.get("angle", 0.0))
    side = 2 * reach + 1
    at = (np.arange(side * 5) + 0.5) / 5 - reach - 0.5
    y, x = np.meshgrid(at, at, indexing="ij")
    u, v = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    return np.exp(-0.5 * ((u / along) ** 2 + (v / across) ** 2)).reshape(side, 5, side, 5).sum(axis=(1, 3))


def motion(step):
    """Equal time for each segment; the label's raw offset is where the path's mean lay before centring."""
    points = np.array(step["path"]) - np.array(step["raw_offset"])
    part = np.linspace(0, 1, 201)[:-1, None] + 0.0025
    fine = np.concatenate([a + part * (b - a) for a, b in itertools.pairwise(points)])
    reach = math.ceil(np.abs(fine).max()) + 1
    kernel = np.zeros((2 * reach + 1,) * 2)
    base = np.floor(fine).astype(int)
    fx, fy = (fine - base).T
    for dx, dy, weight in ((0, 0, (1 - fx) * (1 - fy)), (1, 0, fx * (1 - fy)), (0, 1, (1 - fx) * fy), (1, 1, fx * fy)):
        np.add.at(kernel, (base[:, 1] + dy + reach, base[:, 0] + dx + reach), weight)
    return kernel


def kernel_of(step):
    kind = step["kind"]
    if kind == "identity":
        return np.ones((1, 1))
    if kind == "disc":
        kernel = disc(step["radius"])
    elif "gaussian" in kind:
        kernel = gaussian(step)
    else:
        kernel = motion(step)
        if kind == "disc-motion":
            wide = np.pad(kernel, math.ceil(step["radius"]) + 1)
            kernel = cv2.filter2D(wide, -1, disc(step["radius"]), borderType=cv2.BORDER_CONSTANT)
    return kernel / kernel.sum()


def centroid(weights):
    y, x = np.indices(weights.shape)
    return np.array([(x * weights).sum(), (y * weights).sum()]) / weights.sum()


def expected(clear, kernel):
    reach = kernel.shape[0] // 2
    wide = np.pad(to_light(clear), reach, constant_values=1.0)
    return to_codes(cv2.filter2D(wide, -1, kernel[::-1, ::-1])[reach : reach + clear.shape[0], reach : reach + clear.shape[1]])


def shift(clear, blurred, step):
    """Return how far, in px along x and y, `blurred` lies from `clear`."""
    kernel = kernel_of(step)
    wanted = expected(clear, kernel)
    down, across = np.gradient(wanted)
    system = np.stack([-across.ravel(), -down.ravel(), np.ones(wanted.size)], axis=1)
    moved = np.linalg.lstsq(system, (blurred - wanted).ravel(), rcond=None)[0][:2]
    return centroid(kernel) - kernel.shape[0] // 2 + moved


def pairs_of(faces, count, **options):
    renders = [PairRenderer(RenderSettings(**options), faces[name], faces[name].record["sha256"]) for name in NAMES]
    for number in range(count):
        index, at = divmod(number, len(renders))
        pair = renders[at].render(index + 1)
        assert isinstance(pair, RenderedPair)
        yield pair


LENGTHS = (500, pytest.param(10_000, marks=[pytest.mark.soak, pytest.mark.timeout(1200)]))


@pytest.mark.parametrize("count", LENGTHS)
def test_pairs_of_the_default_preset_are_registered(faces, count):
    found = np.array([
        shift(pixels(pair.clear), pixels(pair.blurred), pair.label["recipe"]["degradation"]["steps"][0])
        for pair in pairs_of(faces, count, preset=PRESET)
    ])  # fmt: skip
    sizes = np.hypot(*found.T)
    print(f"registration of {count}: median {np.median(sizes):.4f} p99 {np.percentile(sizes, 99):.4f} max {sizes.max():.4f} px")
    assert np.median(sizes) < 0.05
    assert np.percentile(sizes, 99) < 0.25
    # No common drift either: it would not show in the sizes.
    assert np.abs(found.mean(axis=0)).max() < 0.01


def test_the_estimator_sees_what_is_not_registered(faces):
    for pair in pairs_of(faces, 30, preset=PRESET):
        clear, blurred = pixels(pair.clear), pixels(pair.blurred)
        step = pair.label["recipe"]["degradation"]["steps"][0]
        before = shift(clear, blurred, step)
        for wanted in ((0.3, 0.0), (0.0, -0.2)):
            matrix = np.array([[1, 0, wanted[0]], [0, 1, wanted[1]]])
            moved = cv2.warpAffine(blurred, matrix, blurred.shape[::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
            assert shift(clear, moved, step) - before == pytest.approx(wanted, abs=0.1)
        if "motion" in step["kind"]:
            raw = np.array(step["raw_offset"])
            uncentred = expected(clear, kernel_of(step | {"raw_offset": [0.0, 0.0]}))
            if np.hypot(*raw) < 3:
                assert np.hypot(*(shift(clear, uncentred, step))) > 0.3 * np.hypot(*raw)


@pytest.mark.parametrize("count", (300, pytest.param(5000, marks=pytest.mark.soak)))
def test_centroids_of_the_light_agree_without_knowledge_of_the_kernel(faces, count):
    quiet = "\n".join(line for line in presetlib.SOURCES[PRESET].splitlines() if "noise" not in line and "jpeg" not in line)
    sizes = []
    for pair in pairs_of(faces, count, preset="quiet", preset_source=quiet, image_width=384, image_height=128, text_max_words=1):
        x, y, width, height = pair.label["text_box"]
        reach = pair.label["psf"][0]["size"] // 2
        if min(x, y, 384 - x - width, 128 - y - height) < reach:
            continue
        halves = [1 - to_light(pixels(half)) for half in (pair.clear, pair.blurred)]
        sizes.append(np.hypot(*(centroid(halves[1]) - centroid(halves[0]))))
    print(f"centroids of {len(sizes)}: median {np.median(sizes):.4f} p99 {np.percentile(sizes, 99):.4f} px")
    assert len(sizes) > count / 4
    assert np.median(sizes) < 0.05
    assert np.percentile(sizes, 99) < 0.25
