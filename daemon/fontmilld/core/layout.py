"""The one place that knows names and paths of the tree (docs/dataset.md). Pure: it never touches the disk."""

from __future__ import annotations

import re
from dataclasses import dataclass

FORMAT_VERSION = 1
SESSION_FILE = "session.json"
PROGRESS_FILE = "progress.json"
SUMMARY_FILE = "summary.json"
CARD_FILE = "README.md"
REPORT_FILE = "report.html"
CROISSANT_FILE = "croissant.json"
TEXT_FILE = "text.txt"
DOCUMENTS = (CARD_FILE, CROISSANT_FILE, REPORT_FILE)
LOCK_FILE = ".fontmill.lock"
FONTS_DIR = "fonts"
IMAGES_DIR = "images"
LOGS_DIR = "logs"
SAMPLES_FILE = "metadata.jsonl"
FONT_FILE = "metadata.json"
EXPORT_LOG = "export.log"
ERRORS_LOG = "errors.log"
PERFORMANCE_LOG = "performance.log"
LOG_FILES = (EXPORT_LOG, ERRORS_LOG, PERFORMANCE_LOG)
PART_SUFFIX = ".part"
PACKED_SUFFIX = ".gz"
HALVES = ("clear", "blurred")
IMAGE_KINDS = (*HALVES, "mask", "kernel")

_PROJECT_NAME = re.compile(r"\w[\w.-]{0,99}")
_FONT_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
_IMAGE_NAME = re.compile(r"(?P<font>[a-z0-9][a-z0-9_-]{0,79})_(?P<index>[0-9]{3,10})_(?P<half>clear|blurred|mask|kernel)\.png")


def is_project_name(name: str) -> bool:
    """One path component of letters of any script, digits, `.`, `_`, `-`; neither hidden nor a way out (I7)."""
    return _PROJECT_NAME.fullmatch(name) is not None


def is_font_id(name: str) -> bool:
    """Dot-free and file-safe: 1 to 80 of a-z, 0-9, `_`, `-`, not starting with `_` or `-`."""
    return _FONT_ID.fullmatch(name) is not None


def index_width(num_samples: int) -> int:
    """Digits of the zero-padded index: the width of the largest one, at least 3."""
    return max(3, len(str(num_samples)))


def image_name(font_id: str, index: int, half: str, width: int) -> str:
    """`{font_id}_001_clear.png`. `half` is one of IMAGE_KINDS; `index` counts from 1."""
    return f"{font_id}_{index:0{width}d}_{half}.png"


@dataclass(frozen=True, slots=True)
class ImageName:
    """A parsed image file name."""

    font_id: str
    index: int
    half: str
    width: int


def parse_image_name(name: str) -> ImageName | None:
    """The parts of an image name, or None when the file is not one of ours."""
    match = _IMAGE_NAME.fullmatch(name)
    if match is None:
        return None
    digits = match["index"]
    return ImageName(match["font"], int(digits), match["half"], len(digits))


def font_dir(font_id: str) -> str:
    """Relative to the project."""
    return f"{FONTS_DIR}/{font_id}"


def images_dir(font_id: str) -> str:
    """Relative to the project."""
    return f"{FONTS_DIR}/{font_id}/{IMAGES_DIR}"


def samples_file(font_id: str) -> str:
    """The labels file and journal of a font, relative to the project."""
    return f"{FONTS_DIR}/{font_id}/{SAMPLES_FILE}"


def packed_file(font_id: str) -> str:
    """The compressed labels of a font, relative to the project."""
    return samples_file(font_id) + PACKED_SUFFIX


def font_file(font_id: str) -> str:
    """The font record, relative to the project."""
    return f"{FONTS_DIR}/{font_id}/{FONT_FILE}"


def checkpoint_file(font_id: str) -> str:
    """The checkpoint of a font, relative to the project."""
    return f"{FONTS_DIR}/{font_id}/{PROGRESS_FILE}"
