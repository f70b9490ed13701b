"""A change of a file is told, whether the kernel hints at it or not, once, and when the file stands still."""

from __future__ import annotations

import os
import queue
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from watchdog.observers import Observer

from fontmilld import watch
from fontmilld.watch import FileWatch

NEVER = 3600.0
Told = queue.SimpleQueue


@pytest.fixture
def begin() -> Iterator[Callable[..., tuple[FileWatch, Told]]]:
    """begin(files, rescan) is a watch that has had its first look, and where it tells."""
    watches = []

    def make(files: list[Path], rescan: float = NEVER, settle: float = 0.02) -> tuple[FileWatch, Told]:
        told: Told = queue.SimpleQueue()
        made = FileWatch(lambda callback: callback(), told.put, rescan=rescan, settle=settle)
        looked: Told = queue.SimpleQueue()
        look = made._look

        def noted(kept: frozenset[str]) -> None:
            look(kept)
            looked.put(kept)

        made._look, made.looked = noted, looked
        watches.append(made)
        made.keep(map(str, files))
        made.start()
        while looked.get(timeout=60) != frozenset(map(str, files)):
            pass
        return made, told

    yield make
    for made in watches:
        made.stop()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "fonts" / "a.ttf"
    path.parent.mkdir()
    path.write_bytes(b"one")
    return path


def rewritten(path: Path) -> None:
    path.write_bytes(b"other")


def replaced(path: Path) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_bytes(b"one")
    os.replace(fresh, path)


def removed(path: Path) -> None:
    path.unlink()


def folder_gone(path: Path) -> None:
    shutil.rmtree(path.parent)


CHANGES = [rewritten, replaced, removed, folder_gone]


@pytest.mark.parametrize("change", CHANGES)
def test_the_kernels_hint_brings_the_look_forward(begin, file, change):
    _, told = begin([file])
    change(file)
    assert told.get(timeout=60) == str(file)


@pytest.mark.parametrize("change", CHANGES)
def test_without_any_hint_the_rescan_finds_it(begin, file, change, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError(28, "no space left on device")  # how the limit of watches shows

    monkeypatch.setattr(watch.Observer, "schedule", refuse)
    _, told = begin([file], rescan=0.02)
    change(file)
    assert told.get(timeout=60) == str(file)


def test_a_file_that_is_missing_from_the_first_is_told(begin, file):
    file.unlink()
    _, told = begin([file], rescan=0.02)
    assert told.get(timeout=60) == str(file)


def test_a_change_is_told_once_and_the_next_one_again(begin, file):
    _, told = begin([file], rescan=0.02)
    for content in (b"second", b"third, longer"):
        fresh = file.with_suffix(".new")
        fresh.write_bytes(content)
        fresh.replace(file)  # written in place, it could be seen empty, too
        assert told.get(timeout=60) == str(file)
    with pytest.raises(queue.Empty):
        told.get(timeout=0.3)


def test_a_file_that_is_no_longer_kept_is_not_told_of(begin, file):
    other = file.with_name("b.ttf")
    other.write_bytes(b"b")
    made, told = begin([file, other], rescan=0.02)
    made.keep([str(other)])
    while made.looked.get(timeout=60) != {str(other)}:
        pass
    file.write_bytes(b"changed")
    other.write_bytes(b"changed")
    assert told.get(timeout=60) == str(other)
    assert told.empty()


@pytest.mark.parametrize(("kept", "looks"), [("ab", False), ("b", False), ("", True), ("c", True), ("abc", True)])
def test_a_look_is_taken_at_files_that_are_new_and_when_none_is_left_but_not_when_some_are_done_with(kept, looks):
    made = FileWatch(lambda callback: None, lambda path: None)
    made.keep("ab")
    made._wake.clear()
    made.keep(kept)
    assert made._wake.is_set() is looks and made._kept == set(kept)


def test_an_observer_that_died_is_begun_anew(begin, file, monkeypatch):
    begun: Told = queue.SimpleQueue()

    class Counted(Observer):
        def start(self) -> None:
            begun.put(self)
            super().start()

    monkeypatch.setattr(watch, "Observer", Counted)
    _, told = begin([file], rescan=0.05)
    first = begun.get(timeout=60)
    for emitter in first.emitters:
        emitter.stop()
    assert begun.get(timeout=60) is not first
    file.write_bytes(b"changed")
    assert told.get(timeout=60) == str(file)
