"""RecoveryManager: brings a tree, after any interruption, into a state to go on from.

The journal decides (fontscan.py). Recovery can itself be interrupted anywhere and repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from fontmill.model import ExportSession
from fontmilld.core import layout
from fontmilld.store import packing
from fontmilld.store.checkpoint import FontState
from fontmilld.store.exporter import ensure_structure
from fontmilld.store.fontledger import Stamp
from fontmilld.store.fontscan import FontRecovery, FontScan, untouched
from fontmilld.store.identity import boot_id as this_boot
from fontmilld.store.ledger import utc_now
from fontmilld.store.litter import clear_places, sweep
from fontmilld.store.tree import Tree


@dataclass(frozen=True, slots=True)
class Recovery:
    """What recovery found, by font id. `swept` counts temporary files of ours that were removed.

    `completed` when `summary.json` is there and nothing is left to do.
    """

    fonts: Mapping[str, FontRecovery]
    swept: int = 0
    completed: bool = False

    @property
    def states(self) -> dict[str, FontState]:
        """For SessionStore."""
        return {name: font.state for name, font in self.fonts.items()}

    @property
    def unsaved(self) -> frozenset[str]:
        """For SessionStore: fonts whose checkpoint must be written again."""
        return frozenset(name for name, font in self.fonts.items() if font.unsaved)


def recover(
    tree: Tree, session: ExportSession, *, new_fonts: Collection[str] = (), boot_id: str | None = None,
    alive: Callable[[], None] = lambda: None,
) -> Recovery:
    """Find out what is done, cut off what cannot be believed, and sweep our litter. The lock must be held.

    `new_fonts` are ids of fonts whose folders were made under this lock, and are empty: there is nothing to look at.
    `alive` is called now and then. Raises `unsupported-schema`, `tree-corrupt`, and what the storage
    raises: then nothing is lost, try again.
    """
    stamp = Stamp(this_boot() if boot_id is None else boot_id, utc_now)
    new = frozenset(new_fonts)
    begun = replace(session, fonts=tuple(font for font in session.fonts if font.font_id not in new))
    clear_places(tree, begun)
    ensure_structure(tree, begun)
    swept = sweep(tree, begun)
    packing.settle(tree, begun)
    scans: list[FontScan] = []
    fonts: dict[str, FontRecovery] = {}
    for info in [font for font in session.fonts if font.accepted]:
        if info.font_id in new:
            fonts[info.font_id] = untouched(info)
        else:
            scan = FontScan(tree, info, session.config, stamp, alive)
            fonts[info.font_id] = scan.run()
            scans.append(scan)
    completed = tree.size(layout.SUMMARY_FILE) is not None
    if completed and not (all(font.finished for font in fonts.values()) and packing.is_complete(tree, session)):
        packing.unpack(tree, session)
        tree.remove(layout.SUMMARY_FILE)
        completed = False
    # What was verified may still be in caches only; from here on it is promised (I5).
    tree.barrier(_found_names(scans))
    if not completed:
        packing.drop_packed(tree, session)
    return Recovery(fonts, swept, completed)


def _found_names(scans: Iterable[FontScan]) -> Iterator[str]:
    yield layout.SESSION_FILE
    yield layout.SUMMARY_FILE
    for scan in scans:
        yield from scan.touched()
