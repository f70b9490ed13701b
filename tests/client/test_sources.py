"""Files that options name are read by the command line, with the user's rights, and sent as text."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fontmill.cli.arguments import given_args, start_args
from fontmill.cli.parser import parse
from fontmill.cli.sources import read_text
from fontmill.errors import FontmillError
from fontmill.pictures import MAX_TEXT_BYTES

WORDS = ("start", "--fonts", "/f", "--out", "/o", "--project", "p")


def args_of(*words: object) -> dict[str, object]:
    return start_args(parse([*WORDS, *map(str, words)]))[0]


def test_a_file_is_the_text_and_the_source_is_then_user(tmp_path: Path) -> None:
    text = tmp_path / "mine"
    text.write_bytes("\ufeffgrüß\r\nzwei".encode())
    args = args_of("--text-file", text)
    assert (args["text"], args["text_content"]) == ("user", "grüß\r\nzwei\n")
    assert args_of("--text-file", text, "--text", "user,codes")["text"] == "user,codes"


def test_a_folder_is_its_text_files_in_order_of_their_paths(tmp_path: Path) -> None:
    for name, text in (("b.txt", "second"), ("a.txt", "first\n"), ("c.md", "no"), ("d/x.txt", "third\n"), ("empty.txt", "")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert read_text(str(tmp_path)) == "first\nsecond\nthird\n"


@pytest.mark.parametrize(("make", "told"), [
    (lambda path: None, "there is no file"),
    (lambda path: path.write_bytes(b"abc\xff"), "not UTF-8 (byte 3)"),
    (lambda path: path.write_text(" \n"), "holds no text"),
    (lambda path: path.mkdir(), "holds no text"),
    (lambda path: path.write_bytes(b"x" * (MAX_TEXT_BYTES + 1)), "more than"),
    (os.mkfifo, "there is no file"),
])
def test_what_is_no_text_is_refused_by_name(tmp_path: Path, make, told: str) -> None:
    make(tmp_path / "text")
    with pytest.raises(FontmillError) as refused:
        args_of("--text-file", tmp_path / "text")
    assert refused.value.slug == "invalid-argument" and told in refused.value.message


def test_a_folder_may_not_hold_more_than_a_file_may(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.txt").write_bytes(b"x" * (MAX_TEXT_BYTES // 2 + 1))
    with pytest.raises(FontmillError, match="more than"):
        read_text(str(tmp_path))


def test_a_preset_file_gives_the_preset_its_name_and_content(tmp_path: Path) -> None:
    (tmp_path / "scanner-v2.toml").write_text("step = []")
    args = args_of("--preset", tmp_path / "scanner-v2.toml")
    assert (args["preset"], args["preset_source"]) == ("scanner-v2", "step = []")
    with pytest.raises(FontmillError, match="there is no file"):
        args_of("--preset", tmp_path / "none.toml")


def test_files_in_a_recipe_start_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("step = []")
    (tmp_path / "mine.txt").write_text("text\n")
    (tmp_path / "recipe.toml").write_text('preset = "mine.toml"\ntext_file = "mine.txt"\neffects = ["glow"]\n')
    args = given_args(parse([*WORDS, "--recipe", str(tmp_path / "recipe.toml")]))
    assert (args["preset"], args["preset_source"], args["text_content"]) == ("mine", "step = []", "text\n")
    assert args["enable_special_effects"] is True


def test_naming_effects_enables_them_unless_they_are_refused() -> None:
    assert args_of("--effects", "glow")["enable_special_effects"] is True
    with pytest.raises(FontmillError, match="named but not enabled"):
        args_of("--effects", "glow", "--no-special-effects")
