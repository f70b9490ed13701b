"""Write golden.json anew: python tests/daemon/render/golden.py (after raising render's REVISION)."""

import hashlib
import json
from pathlib import Path

from conftest import read_font
from fontmilld.render.faces import Face
from fontmilld.render.fingerprint import fingerprint
from fontmilld.render.pair import PairRenderer
from fontmilld.render.presetlib import SOURCES
from fontmilld.render.settings import RenderSettings

FILE = Path(__file__).with_name("golden.json")


def digests(face_of):
    """Return a digest over files and labels of four pairs for each preset and face."""
    found = {}
    for name in ("inter", "amiri", "thai"):
        face = face_of(name)
        for preset in SOURCES:
            rich = {"style_variations": True, "enable_special_effects": True, "color": "rgb"}
            render = PairRenderer(RenderSettings(preset=preset, seed=11, **rich), face, face.record["sha256"])
            total = hashlib.sha256()
            for pair in render.render_range(1, 4):
                total.update(pair.clear + pair.blurred + json.dumps(pair.label, sort_keys=True).encode())
            found[f"{name} {preset}"] = total.hexdigest()
    return found


if __name__ == "__main__":
    made = {"fingerprint": fingerprint(), "digests": digests(lambda name: Face(read_font(name), 0))}
    FILE.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n")
