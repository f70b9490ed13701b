"""validateSessionIntegrity: is everything that the labels promise in the tree, and nothing else?

Streams, and splits into checks that a pool can run in parallel: `plan_checks`, `run_check` each, `conclude`.
quick: names and sizes. full: every byte that has a digest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import orjson

from fontmill.model import Damage, ExportSession, FontInfo, ValidationResult
from fontmilld.core import layout
from fontmilld.core.labels import MAX_LINE
from fontmilld.core.ranges import RangeSet
from fontmilld.store import journal
from fontmilld.store.checking import Check, CheckResult, Level, run_check
from fontmilld.store.checkpoint import decode
from fontmilld.store.ending import is_at_its_end, read_file, summary_misfits
from fontmilld.store.litter import barred_fonts, foreign_beside_images, images_in, staged_names
from fontmilld.store.parts import parts_told
from fontmilld.store.text import kept_text
from fontmilld.store.tree import MOST_WHOLE, Tree

PIECE_BYTES: Final = 1 << 20
_LARGEST_PIECE: Final = 256 << 20
"""Of what has no lines."""
_SURPLUS: Final = 64 << 20
"""So many bytes more than a complete project's checkpoint tells of are looked at."""
_MAX_TOLD: Final = 10_000
REWRITTEN: Final = frozenset({"missing", "corrupt", "truncated", "different"})
"""The kinds of damage to a file that is ours, and is made anew."""
WHOLE_FONT: Final = 1 << 31
"""The last index in a repair plan for a font of which no label can be believed."""


@dataclass(frozen=True, slots=True)
class Before:
    """What a tree promised when its checks were planned; a session at work adds to it while they run.

    `promised` are indices with a checkpoint, by font; `complete` tells that it is at its end; `staged` our temporary files.
    `most` are bytes, by font: labels that are longer are not looked at beyond.
    """

    promised: Mapping[str, RangeSet]
    complete: bool
    staged: frozenset[str]
    most: Mapping[str, int]


def look_before(tree: Tree, session: ExportSession) -> Before:
    """To be called before `plan_checks`, so that every promise is within the labels that are checked."""
    promised, lengths = {}, {}
    fonts = _reachable(tree, session)
    for font in fonts:
        checkpoint = decode(read_file(tree, layout.checkpoint_file(font.font_id)))
        done = checkpoint.state.done if checkpoint is not None else RangeSet()
        promised[font.font_id] = done & RangeSet.span(1, font.total_samples)
        lengths[font.font_id] = checkpoint.state.length if checkpoint is not None else -1
    staged = frozenset(name for name in staged_names(replace(session, fonts=tuple(fonts))) if tree.size(name) is not None)
    complete = is_at_its_end(tree, session)
    most = {font.font_id: lengths[font.font_id] + _SURPLUS if complete and lengths[font.font_id] >= 0 else font.total_samples * MAX_LINE
            for font in fonts}
    return Before(promised, complete, staged, most)


def plan_checks(tree: Tree, session: ExportSession, before: Before, piece: int = PIECE_BYTES) -> list[Check]:
    """The checks of a session, each about `piece` bytes of labels."""
    return [check for font in _reachable(tree, session) for check in _pieces(tree, font.font_id, before.most.get(font.font_id, 0), piece)]


def _fonts(session: ExportSession) -> list[FontInfo]:
    return [font for font in session.fonts if font.accepted]


def _reachable(tree: Tree, session: ExportSession) -> list[FontInfo]:
    barred = barred_fonts(tree, session)
    return [font for font in _fonts(session) if font.font_id not in barred]


def _pieces(tree: Tree, font_id: str, most: int, piece: int) -> Iterator[Check]:
    name = layout.samples_file(font_id)
    size = min(journal.size(tree, name) or 0, most)
    start = 0
    while start < size:
        end = size
        if start + piece < size:
            ahead = _line_length(tree, name, start + piece)
            end = min(start + piece + (ahead or MAX_LINE), size)
            if not ahead:  # nothing of this is a line: a hole of gigabytes is not looked through here
                piece = min(2 * piece, _LARGEST_PIECE)
        yield Check(font_id, start, end)
        start = end


def _line_length(tree: Tree, name: str, offset: int) -> int:
    """How far it is from `offset` to the beginning of the next line; 0 when a line cannot be so long."""
    length = 0
    for block in journal.blocks(tree, name, offset):
        at = block.find(b"\n")
        if at >= 0:
            return length + at + 1
        length += len(block)
        if length >= MAX_LINE:
            break
    return 0


def conclude(
    tree: Tree, session: ExportSession, before: Before, results: Iterable[CheckResult], level: Level,
) -> ValidationResult:
    """Put the results of all checks together, and look at everything that is not an image."""
    damaged: list[Damage] = []
    checked = left_out = 0
    labelled: dict[str, RangeSet] = {}
    for result in results:
        checked += result.checked
        left_out += result.left_out
        damaged += [Damage.from_dict(found) for found in result.damaged]
        labelled[result.font_id] = labelled.get(result.font_id, RangeSet()) | RangeSet.of(result.done)
    complete = before.complete
    names = [layout.PROGRESS_FILE, *([layout.SUMMARY_FILE] if complete else [])]
    damaged += [Damage(name, kind) for name in names if (kind := _state_file(tree, name, complete))]
    damaged += [Damage(name, "different") for name in (summary_misfits(tree, session) if complete else ())]
    digests = _final_digests(tree) if complete else {}
    documents = [name for name in layout.DOCUMENTS if name in digests]
    damaged += [Damage(name, kind) for name in documents if (kind := _document(tree, name, digests[name], level))]
    checked += len(names) + len(documents)
    if session.config.text_sha256:
        checked += 1
        if kept_text(tree, session) is None:
            damaged.append(Damage(layout.TEXT_FILE, "missing" if tree.size(layout.TEXT_FILE) is None else "different"))
    damaged += [Damage(layout.font_dir(font_id), "different") for font_id in sorted(barred_fonts(tree, session))]
    redrawn = {one.font_id for one in damaged if one.kind == "redraws-differently"}
    for font in _reachable(tree, session):
        found = _font_damage(tree, session, font, before, labelled.get(font.font_id, RangeSet()), level, digests)
        damaged += _not_told(tree, font.font_id, found) if font.font_id in redrawn else found
        checked += 3
    damaged += [Damage(name, "foreign") for name in foreign_beside_images(tree, session)]
    damaged += [Damage(name, "litter") for name in sorted(before.staged) if tree.size(name) is not None]
    parts = parts_told(session)
    damaged = [*(Damage(part["path"], "out-of-reach") for part in parts if not part["in_reach"]), *damaged]
    return ValidationResult(not damaged, checked, tuple(damaged[:_MAX_TOLD]), left_out + len(damaged[_MAX_TOLD:]), parts)


def _not_told(tree: Tree, font_id: str, found: Iterable[Damage]) -> list[Damage]:
    """`found` of a font without the digest of labels that differs, as drawing again has told which of them are wrong."""
    digest = Damage(journal.file_of(tree, layout.samples_file(font_id)), "different", font_id)
    return [one for one in found if one != digest]


def _state_file(tree: Tree, name: str, required: bool) -> str:
    if tree.size(name) is None:
        return "missing" if required else ""
    try:
        orjson.loads(tree.read(name))
    except orjson.JSONDecodeError:
        return "corrupt"
    return ""


def _final_digests(tree: Tree) -> dict[str, str]:
    """What `summary.json` says of the files written at the end; the card is one in any case."""
    try:
        told = orjson.loads(read_file(tree, layout.SUMMARY_FILE)).get("files", {})
        return {layout.CARD_FILE: ""} | {name: str(sha256) for name, sha256 in told.items()}
    except (orjson.JSONDecodeError, AttributeError):
        return {layout.CARD_FILE: ""}


def _document(tree: Tree, name: str, sha256: str, level: Level, most: int = MOST_WHOLE) -> str:
    """The kind of damage, or ""; a file of more than `most` bytes is none of ours, and is not read to find that out."""
    size = tree.size(name)
    if size is None:
        return "missing"
    return "different" if size > most or (level == "full" and sha256 and _digest(tree, name) != sha256) else ""


def _font_damage(
    tree: Tree, session: ExportSession, font: FontInfo, before: Before, labelled: RangeSet, level: Level,
    digests: Mapping[str, str],
) -> Iterator[Damage]:
    """What is wrong with a font beside its images: labels that are missing, state files, images too many."""
    font_id = font.font_id
    checkpoint, labels = layout.checkpoint_file(font_id), layout.samples_file(font_id)
    if not before.complete and (journal.size(tree, labels) or 0) > before.most.get(font_id, 0):
        yield Damage(journal.file_of(tree, labels), "corrupt-label", font_id)
    if tree.size(checkpoint) is not None and decode(tree.read(checkpoint)) is None:
        yield Damage(checkpoint, "corrupt", font_id)
    for index in before.promised.get(font_id, RangeSet()) - labelled:
        yield Damage(journal.file_of(tree, labels), "missing-label", font_id, index)
    if before.complete:
        yield from _record_damage(tree, font_id, level, session.config.compress_metadata, digests)
    for name, index in images_in(tree, font_id, session.config):
        if not index:
            yield Damage(name, "foreign")
        elif before.complete and index not in labelled:
            yield Damage(name, "unlabelled", font_id, index)


def _record_damage(tree: Tree, font_id: str, level: Level, compressed: bool, digests: Mapping[str, str]) -> Iterator[Damage]:
    """Whether a finished font's record is there as in `digests`, and speaks of these labels, which are `compressed`."""
    name, labels, packed = layout.font_file(font_id), layout.samples_file(font_id), layout.packed_file(font_id)
    kind = _state_file(tree, name, required=True) or _document(tree, name, digests.get(name, ""), level)
    if kind:
        yield Damage(name, kind, font_id)
        return
    try:
        told = orjson.loads(tree.read(name))["samples_file"]
        size, sha256 = int(told["bytes"]), str(told["sha256"])
    except (ValueError, TypeError, KeyError):
        yield Damage(name, "corrupt", font_id)
        return
    there = journal.size(tree, labels) or 0
    if there != size:
        yield Damage(journal.file_of(tree, labels), "truncated" if there < size else "different", font_id)
    elif level == "full" and size and _labels_digest(tree, labels) != sha256:
        yield Damage(journal.file_of(tree, labels), "different", font_id)
    elif size and compressed and (kind := _document(tree, packed, digests.get(packed, ""), level, max(size, MOST_WHOLE))):
        # The labels are right, only not packed as they were: no pair is drawn anew for that.
        yield Damage(packed, "corrupt" if kind == "different" else kind, font_id)


def _labels_digest(tree: Tree, name: str) -> str:
    journal.drop_cache(tree, name)
    return journal.digest(journal.blocks(tree, name))


def _digest(tree: Tree, name: str) -> str:
    tree.drop_cache(name)
    return journal.digest(tree.stream(name))


def validate_session_integrity(
    tree: Tree, session: ExportSession, level: Level = "quick", tell: Callable[[int], None] = lambda count: None,
) -> ValidationResult:
    """All of it in this thread. `tell` gets the number of files looked at since the last time."""
    before = look_before(tree, session)
    fonts = {font.font_id: font for font in _fonts(session)}
    results = (run_check(tree, fonts[check.font_id], session.config, check, level, tell) for check in plan_checks(tree, session, before))
    return conclude(tree, session, before, results, level)


def repair_plan(result: ValidationResult) -> dict[str, RangeSet]:
    """What to `reopen`, by font: the damaged pairs, none of them when only a state file of the font is.

    Damage without a font (card, summary) is repaired by finishing again; foreign files are left alone.
    """
    plan: dict[str, list[tuple[int, int]]] = {}
    for damage in result.damaged:
        if damage.font_id:
            spans = plan.setdefault(damage.font_id, [])
            if damage.index:
                spans.append((damage.index, damage.index))
            elif _of_all_labels(damage):
                spans.append((1, WHOLE_FONT))  # the digest tells that a label is wrong, not which
    return {font_id: RangeSet.of(spans) for font_id, spans in plan.items()}


def rewritten_files(result: ValidationResult) -> int:
    """How many of the damaged files are written anew without a pair being drawn: documents, and what is said of fonts."""
    return len({found.file for found in result.damaged if found.kind in REWRITTEN and not found.index and not _of_all_labels(found)})


def _of_all_labels(damage: Damage) -> bool:
    """Whether no label of a font can be believed."""
    labels = (layout.samples_file(damage.font_id), layout.packed_file(damage.font_id)) if damage.font_id else ()
    return damage.file in labels and damage.kind in ("truncated", "different")
