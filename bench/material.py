"""What the programs draw with: fonts and words."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from answers import UnavailableError
from places import CACHE, write_file

LATIN = ("fontpkg_inter", "fontpkg_cairo", "fontpkg_amiri")


def word_file() -> Path:
    """A list of common English words, the text of every program but fontmill (which brings its own)."""
    path = CACHE / "words.txt"
    if not path.exists():
        import wordfreq

        words = [w for w in wordfreq.top_n_list("en", 20000) if w.isascii() and w.isalpha() and 2 <= len(w) <= 12]
        write_file(path, "\n".join(words[:10000]) + "\n")
    return path


def fonts(count: int = 4) -> list[Path]:
    """Up to `count` ordinary text fonts: static system faces first, then those of the font packages."""
    system = sorted(Path("/usr/share/fonts/truetype/dejavu").glob("DejaVuS*.ttf"))
    plain = [p for p in system if p.stem in {"DejaVuSans", "DejaVuSerif", "DejaVuSans-Bold", "DejaVuSansMono"}]
    packaged = [p for name in LATIN for p in package_fonts(name)]
    found = [*plain, *(p for p in packaged if "[" not in p.name), *(p for p in packaged if "[" in p.name)]
    if not found:
        raise UnavailableError("no fonts: install fonts-dejavu-core or `pip install fontmill[demo]`")
    return found[:count]


def package_fonts(name: str) -> list[Path]:
    """Font files of one installed font package."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        return []
    return sorted(Path(spec.origin).parent.rglob("*.ttf"))
