"""Files that options name: a preset in TOML, a text of one's own. Read here, with the user's rights, and sent as text."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from fontmill.errors import FontmillError, invalid
from fontmill.pictures import MAX_PRESET_BYTES, MAX_TEXT_BYTES

PRESET_SUFFIX = ".toml"
TEXT_SUFFIX = ".txt"


def with_sources(given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `start` with the content of the files that they name.

    A preset file gives the preset its name; a text file makes `user` the text source where none is named, and
    naming effects enables them. Raises `invalid-argument`.
    """
    args = dict(given)
    if isinstance(args.get("preset"), str) and args["preset"].endswith(PRESET_SUFFIX):
        path = os.path.abspath(os.path.expanduser(args["preset"]))
        args["preset"] = os.path.basename(path).removesuffix(PRESET_SUFFIX)
        args["preset_source"] = _decoded("preset", path, _read("preset", path, MAX_PRESET_BYTES))
    path = args.pop("text_file", None)
    if path is not None:
        args["text_content"] = read_text(path)
        args.setdefault("text", "user")
    if args.get("effects"):
        args.setdefault("enable_special_effects", True)
    return args


def read_text(path: str) -> str:
    """A UTF-8 file, or all .txt files beneath a folder in order of their paths, each ending its last line.

    Raises `invalid-argument`.
    """
    parts: list[str] = []
    left = MAX_TEXT_BYTES
    for file in _text_files(path):
        data = _read("text_file", file, left)
        left -= len(data)
        text = _decoded("text_file", file, data)
        parts.append(text if text.endswith("\n") or not text else f"{text}\n")
    if not "".join(parts).strip():
        raise invalid("text_file", f"{path} holds no text.")
    return "".join(parts)


def _text_files(path: str) -> Iterator[str]:
    if not os.path.isdir(path):
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders.sort()
        yield from (os.path.join(folder, name) for name in sorted(names) if name.endswith(TEXT_SUFFIX))


def _read(field: str, path: str, limit: int) -> bytes:
    try:
        if not os.path.isfile(path):
            raise invalid(field, f"there is no file {path}.")
        with open(path, "rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise invalid(field, f"{path} cannot be read ({error.strerror}).") from error
    if len(data) > limit:
        raise _too_much(field, path)
    return data


def _too_much(field: str, path: str) -> FontmillError:
    most = MAX_TEXT_BYTES if field == "text_file" else MAX_PRESET_BYTES
    return invalid(field, f"at {path} there are more than {most} bytes in all; take a part of it.")


def _decoded(field: str, path: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise invalid(field, f"{path} is not UTF-8 (byte {error.start}).") from error
