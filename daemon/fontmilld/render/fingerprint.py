"""What pixels depend on besides the recipe: versions of code and data, and a probe of this machine."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import platform
import re
import unicodedata
from typing import Final

import cv2
import numpy as np
import uharfbuzz as hb

from fontmilld.render import degrade, encode, extensions
from fontmilld.render.recipe import Degradation, Spec

# Raise when the same recipe gives other bytes, or the same seed another recipe.
REVISION: Final = 20

# Stands for all levels of libdeflate in the probe.
_OTHER_LEVEL: Final = 6

_VERSION: Final = re.compile(r"^Version: *(\S+)$", re.MULTILINE)
_DISTRIBUTIONS: Final = {
    "deflate": "deflate",
    "wordfreq": "wordfreq",
    "fonttools": "fonttools",
    "uharfbuzz": "uharfbuzz",
}


@functools.lru_cache(maxsize=1)
def _fingerprint() -> tuple[tuple[str, str], ...]:
    found = {
        "render": str(REVISION),
        "harfbuzz": str(hb.version_string()),
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "unicode": unicodedata.unidata_version,
        "encoder": encode.ENCODER,
        "machine": platform.machine(),
        "probe": _probe(),
    }
    found |= {key: _version(name) for key, name in _DISTRIBUTIONS.items()}
    found |= extensions.versions()
    return tuple(sorted(found.items()))


def _version(name: str) -> str:
    """Return the version of a distribution; its whole description, which may be a book, is not parsed for that."""
    distribution = importlib.metadata.distribution(name)
    told = _VERSION.search(distribution.read_text("METADATA") or "")
    return told[1] if told else distribution.version


def fingerprint() -> dict[str, str]:
    """Return the versions of everything that can change a pixel or a byte of a PNG file.

    `probe` is a digest of a small picture put through blur, noise and compression: libraries choose
    their code by processor, and where that shows in the bytes, the probe differs too.
    """
    return dict(_fingerprint())


def missing_parts() -> list[str]:
    """Return a sentence for each thing this host lacks for rendering, saying what to install."""
    missing = []
    if not hasattr(hb, "RasterDraw"):
        missing.append(
            f"uharfbuzz {importlib.metadata.version('uharfbuzz')} cannot rasterise outlines: "
            "install a newer one (pip install -U uharfbuzz)"
        )
    return missing


def _probe() -> str:
    rows, cols = np.mgrid[0:96, 0:128]
    scene = ((rows * 7 + cols * 5 + (rows * cols) % 11 * 9) % 256).astype(np.uint8)
    smooth = np.asarray(cv2.GaussianBlur(scene, (7, 7), 1.3))
    psfs = (
        Spec("elliptic-gaussian", (("sigma_x", 2.5), ("sigma_y", 1.2), ("angle", 30.0))),
        Spec("gaussian", (("sigma", 1.5),)),
    )
    rest = (
        Spec("final-resize", (("filter", "bicubic"),)),
        Spec("poisson-gaussian-noise", (("light", "linear"), ("shot", 1e-4), ("read", 1e-4), ("seed", 1))),
        Spec("jpeg", (("quality", 80),)),
    )
    digest = hashlib.sha256()
    for light in ("linear", "gamma"):
        plan = degrade.prepare(Degradation(light, (*psfs, *rest), 2))
        picture = degrade.degrade(smooth, plan, plan.margin).picture
        for level in (encode.FAST, _OTHER_LEVEL):
            digest.update(encode.png(picture, level))
    return digest.hexdigest()[:16]
