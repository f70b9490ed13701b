"""What may be asked of the pictures: names, the grammar of text mixtures, and rules between options.

Both sides check with this module: the client before it calls, the daemon before it looks at a font.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fontmill.errors import invalid

PRESETS = ("document-camera-v1", "plain", "hradis2015", "textzoom-x2", "realesrgan")
TEXT_SOURCES = ("words", "charset", "numbers", "codes", "user")
COLORS = ("gray", "rgb")
MAX_TEXT_BYTES = 4 << 20
MAX_PRESET_BYTES = 64 << 10
MAX_WEIGHT = 1e6
_BOUNDS = (("text_min_words", "text_max_words"), ("text_min_chars", "text_max_chars"))


def mixture(text: str) -> dict[str, float]:
    """The weights of a text option by source: "words", or "words:0.7,codes:0.3" (no weight: 1).

    Raises ValueError with a sentence that begins with `text`.
    """
    found: dict[str, float] = {}
    for part in text.split(","):
        name, _, weight = part.strip().partition(":")
        if name not in TEXT_SOURCES or name in found:
            raise ValueError(f"text: {name[:40]!r} is not one of {', '.join(TEXT_SOURCES)}, each at most once")
        try:
            found[name] = float(weight or 1)
        except ValueError:
            found[name] = -1.0
        if not 0 < found[name] < MAX_WEIGHT:
            raise ValueError(f"text: the weight of {name!r} is {weight[:40]!r}, not a positive number")
    return found


def check(args: Mapping[str, Any]) -> None:
    """Rules that concern more than one option of `start`. Raises `invalid-argument`."""
    if args["preset"] not in PRESETS and not args["preset_source"]:
        names = ", ".join(PRESETS)
        raise invalid("preset", f"choose one of {names}, or name a TOML file (.toml), not {args['preset'][:60]!r}.")
    if args["preset"] in PRESETS and args["preset_source"]:
        raise invalid("preset", "a preset of your own needs a name that fontmill's presets do not have.")
    try:
        sources = mixture(args["text"])
    except ValueError as error:
        raise invalid("text", f"{str(error).removeprefix('text: ')}.") from error
    if "user" in sources and not args["text_content"].strip():
        raise invalid("text_content", "the text source `user` needs a text, and there is none.")
    if args["text_content"] and "user" not in sources:
        raise invalid("text", "a text of your own is given, so `user` must be one of the sources.")
    for least, most in _BOUNDS:
        if args[least] > args[most]:
            raise invalid(least, f"at most {args[most]} (the upper bound) is allowed, not {args[least]}.")
    if args["effects"] and not args["enable_special_effects"]:
        raise invalid("effects", "special effects are named but not enabled.")
