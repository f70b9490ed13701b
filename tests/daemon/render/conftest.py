"""Real faces from PyPI font packages, which the dev extra installs."""

import importlib.metadata
import io
from pathlib import Path

import pytest
from fontTools.ttLib import TTCollection, TTFont

from fontmilld.render.faces import Face, inspect_face

PACKAGES = {
    "inter": ("fontpkg-inter", "Inter[opsz,wght].ttf"),
    "amiri": ("fontpkg-amiri", "Amiri-Regular.ttf"),
    "cairo": ("fontpkg-cairo", "Cairo[slnt,wght].ttf"),
    "devanagari": ("fontpkg-noto-sans-devanagari", "NotoSansDevanagari[wdth,wght].ttf"),
    "thai": ("fontpkg-noto-sans-thai", "NotoSansThai[wdth,wght].ttf"),
}


def read_font(name):
    package, file_name = PACKAGES[name]
    files = importlib.metadata.files(package) or []
    path = next(Path(str(f.locate())) for f in files if f.name == file_name)
    return path.read_bytes()


@pytest.fixture(scope="session")
def font_bytes():
    """Return a function from a short name to a font file's bytes."""
    cache = {}

    def get(name):
        if name not in cache:
            cache[name] = read_font(name)
        return cache[name]

    return get


@pytest.fixture(scope="session")
def faces(font_bytes):
    """Return all faces by name, open."""
    opened = {}
    for name in PACKAGES:
        data = font_bytes(name)
        opened[name] = Face(data, 0, inspect_face(data, 0).to_record())
    return opened


@pytest.fixture(scope="session")
def collection(font_bytes):
    """Return a TTC of Amiri and Inter, in that order."""
    both = TTCollection()
    both.fonts = [TTFont(io.BytesIO(font_bytes(name))) for name in ("amiri", "inter")]
    out = io.BytesIO()
    both.save(out)
    return out.getvalue()
