"""The peers: what is installed from the package registry, and how each is asked for plain 256x64 text.

A peer appears twice where today's resolution does not run: as it installs, and with old releases of its
dependencies pinned by hand.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Peer:
    """`requirements` go to pip; `driver` is a script in this folder; `images` is the size of a full run."""

    name: str
    requirements: tuple[str, ...]
    driver: str
    images: int
    note: str = ""


PEERS = (
    Peer("doctr-synth-generator", ("doctr-synth-generator",), "drive_doctr.py", 4000, "all effects off, supersampling off, RGB PNG"),
    Peer("ocr-data-toolkit", ("ocr-data-toolkit",), "drive_odt.py", 600, "as it installs"),
    Peer("ocr-data-toolkit-pinned", ("ocr-data-toolkit", "pillow<13"), "drive_odt.py", 600, "with Pillow 12 pinned by hand; effects off where it lets one; JPEG"),
    Peer("trdg", ("trdg",), "drive_trdg.py", 300, "as it installs"),
    Peer("trdg-pinned", ("trdg", "pillow<10"), "drive_trdg.py", 300, "with Pillow 9 pinned by hand; plain background, RGB PNG"),
    Peer("synthtiger", ("synthtiger",), "drive_synthtiger.py", 300, "as it installs"),
    Peer("synthtiger-pinned", ("synthtiger", "pillow<10", "numpy<2"), "drive_synthtiger.py", 300, "with Pillow 9 and NumPy 1 pinned by hand; one text layer on white, RGB PNG"),
)
ABSENT = {"text_renderer": "not in the package registry; installs only from a checkout of its repository"}
