"""One check of a verification: a part of a font's labels, held against its images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from fontmill.errors import FontmillError
from fontmill.model import Damage, ExportConfig, FontInfo, Record
from fontmilld.core import layout
from fontmilld.core.labels import Claim, Image, is_sound, read_claim
from fontmilld.core.ranges import RangeSet
from fontmilld.store import journal
from fontmilld.store.integrity import damage_of, misfit
from fontmilld.store.tree import SOUND_AT_ONCE, ImageFolder, Tree

Level = Literal["quick", "full"]
_TELL_EVERY: Final = 256
_TOLD_LABELS: Final = 20
"""Of a check: a file of garbage has millions."""
_MOST_NO_LABELS: Final = 4096
"""More lines than labels have room for in a check: the rest of it is not looked through."""
_BYTES_AT_ONCE: Final = 8 << 20
"""Of images, read ahead of their digests."""


@dataclass(frozen=True, slots=True)
class Check(Record):
    """A part of one font's labels file, in bytes; both ends are at the beginning of a line."""

    font_id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class CheckResult(Record):
    """What one check found. `done` are ranges of indices with a label; `checked` counts files looked at, `left_out` damage not told."""

    font_id: str
    checked: int
    damaged: tuple[Any, ...]
    done: tuple[Any, ...]
    left_out: int = 0


def run_check(
    tree: Tree, font: FontInfo, config: ExportConfig, check: Check, level: Level, tell: Callable[[int], None] = lambda count: None,
) -> CheckResult:
    """Carry out one check of `font`. `tell` gets the number of files looked at since the last time."""
    return _Reader(tree, font, config, level, tell).run(check)


class _Reader:
    def __init__(self, tree: Tree, font: FontInfo, config: ExportConfig, level: Level, tell: Callable[[int], None]) -> None:
        self._tree = tree
        self._font = font
        self._width = layout.index_width(config.num_samples)
        self._kinds = config.image_kinds
        self._full = level == "full"
        self._tell = tell
        self._images = layout.images_dir(font.font_id)
        self._labels = layout.samples_file(font.font_id)
        self._damaged: list[Damage] = []
        self._spans: list[tuple[int, int]] = []
        self._checked = 0
        self._no_labels = 0

    def run(self, check: Check) -> CheckResult:
        folder = self._folder()
        told = 0
        for claims in _in_groups(self._claims(check)):
            self._look(claims, folder)
            if self._checked - told >= _TELL_EVERY:
                self._tell(self._checked - told)
                told = self._checked
        self._tell(self._checked - told)
        if folder is not None:
            folder.close()
        spans = RangeSet.of(self._spans).to_list()
        left_out = max(0, self._no_labels - _TOLD_LABELS)
        return CheckResult(check.font_id, self._checked, tuple(d.to_dict() for d in self._damaged), tuple(spans), left_out)

    def _folder(self) -> ImageFolder | None:
        try:
            return self._tree.dir(self._images)
        except FontmillError:
            return None  # then every image is missing

    def _claims(self, check: Check) -> Iterator[Claim]:
        """The claims that can be believed; damage to the others is told."""
        for _, line in journal.lines(self._tree, self._labels, check.start, check.end):
            claim = read_claim(line)
            if claim is None or not self._plausible(claim, line):
                self._no_labels += 1
                if self._no_labels <= _TOLD_LABELS:
                    self._damaged.append(Damage(journal.file_of(self._tree, self._labels), "corrupt-label", self._font.font_id))
                elif self._no_labels > _MOST_NO_LABELS:
                    return
                continue
            if self._spans and claim.index == self._spans[-1][1] + 1:
                self._spans[-1] = (self._spans[-1][0], claim.index)
            else:
                self._spans.append((claim.index, claim.index))
            yield claim

    def _plausible(self, claim: Claim, line: bytes) -> bool:
        names = [layout.image_name(self._font.font_id, claim.index, kind, self._width) for kind in self._kinds]
        known = [image.file_name for image in claim.images] == names and claim.index <= self._font.total_samples
        return known and line.endswith(b"\n") and (not self._full or is_sound(line))

    def _look(self, claims: list[Claim], folder: ImageFolder | None) -> None:
        images = [image for claim in claims for image in claim.images]
        indices = [claim.index for claim in claims for _ in claim.images]
        sound = folder.sound(images) if folder is not None and self._full else bytes(len(images))
        for index, image, known in zip(indices, images, sound, strict=True):
            kind = "" if known else self._state(image, folder)
            if kind:
                self._damaged.append(Damage(f"{self._images}/{image.file_name}", kind, self._font.font_id, index))
        self._checked += len(images)

    def _state(self, image: Image, folder: ImageFolder | None) -> str:
        """The kind of damage, or ""."""
        if folder is None:
            return "missing"
        return damage_of(folder, image) if self._full else misfit(folder.size(image.file_name), image.size)


def _in_groups(claims: Iterable[Claim]) -> Iterator[list[Claim]]:
    """Claims of so many images as are looked at together: at most SOUND_AT_ONCE, and not many bytes."""
    group: list[Claim] = []
    files = size = 0
    for claim in claims:
        if files + len(claim.images) > SOUND_AT_ONCE or size > _BYTES_AT_ONCE:
            yield group
            group, files, size = [], 0, 0
        group.append(claim)
        files += len(claim.images)
        size += sum(image.size for image in claim.images)
    if group:
        yield group
