"""The keywords of `Client.start` and `Client.preview`: docs/protocol.md says what each means, and its default and limits."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal, TypedDict

Path = str | os.PathLike[str]


class PictureOptions(TypedDict, total=False):
    """What a pair looks like."""

    image_width: int
    image_height: int
    seed: int
    style_variations: bool
    enable_special_effects: bool
    effects: Sequence[str]
    preset: str
    preset_source: str
    color: Literal["gray", "rgb"]
    text: str
    text_content: str
    text_lines: int
    text_min_words: int
    text_max_words: int
    text_min_chars: int
    text_max_chars: int
    licences: Sequence[str]


class PreviewOptions(PictureOptions, total=False):
    """And what the contact sheet is like."""

    pairs: int
    columns: int


class StartOptions(PictureOptions, total=False):
    """And how many, and how they are kept."""

    num_samples: int
    png_level: int
    masks: bool
    psf_images: bool
    compress_metadata: bool
    fallback_paths: Sequence[Path]
    durability: Literal["batch", "relaxed"]
    force: bool
