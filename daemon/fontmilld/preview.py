"""A contact sheet of a configuration before a session is started: fonts found, some chosen, drawn, put together.

Nothing is kept. Fonts are probed in expendable processes as for a session, and the sheet is made in one too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fontmill.errors import FontmillError, invalid
from fontmill.model import FontInfo
from fontmilld.core.accounts import lacking_text
from fontmilld.intake import Probing, all_refused, config_of, licensed, name_fonts, settings_of
from fontmilld.pool.messages import ProbeDone, SheetDone

MAX_PIXELS = 16_000_000
"""Of all pictures together: noise does not compress, and a reply holds 64 MiB."""


@dataclass
class Preview:
    """One preview on its way; `args` are those of the verb. `done` gets the reply or an error, once."""

    args: Mapping[str, Any]
    probing: Probing
    done: Callable[[dict[str, Any] | FontmillError], None]
    _sources: list[str] = field(default_factory=list)
    _left: list[str] = field(default_factory=list)
    _found: dict[str, ProbeDone] = field(default_factory=dict)
    _awaited: int = 0
    _samples: int = 0
    _fonts: tuple[FontInfo, ...] = ()

    def check(self) -> None:
        """Raises `invalid-argument` when the sheet would be too large."""
        pixels = 2 * self.args["image_width"] * self.args["image_height"]
        if pixels * self.args["pairs"] > MAX_PIXELS:
            most = MAX_PIXELS // pixels
            raise invalid("pairs", f"at this size of pictures a sheet holds at most {most} pairs." if most else
                          "pictures of this size are too large for a sheet; preview smaller ones.")

    def files_found(self, sources: list[str] | FontmillError) -> None:
        """The font files by path, in order; or why there are none."""
        if isinstance(sources, FontmillError):
            self.done(sources)
            return
        self._sources = self._left = list(dict.fromkeys(sources))
        if not self._sources:
            self.done(FontmillError("no-fonts"))
            return
        wanted = self.args["pairs"]
        self._samples = -(-wanted // min(wanted, len(self._sources)))
        self._look_at(wanted)

    def _look_at(self, count: int) -> None:
        """Probe so many of the files that are left, chosen evenly."""
        chosen = dict.fromkeys(_evenly(self._left, count))
        self._left = [source for source in self._left if source not in chosen]
        self._probe([*chosen])

    def _probe(self, sources: Sequence[str]) -> None:
        settings = settings_of(config_of(self.args), self.args["text_content"])
        self._awaited = len(sources)
        for source in sources:
            self.probing.probe(source, settings, lambda found, source=source: self._probed(source, found), self._samples)  # type: ignore[misc]

    def _probed(self, source: str, found: ProbeDone) -> None:
        self._found[source] = found
        self._awaited -= 1
        if not self._awaited:
            self._judge()

    def _judge(self) -> None:
        """All that was probed is known: look at more files where some gave nothing, draw more of the others, or end."""
        if self.probing.missing:
            self.done(FontmillError("renderer-incomplete", " ".join(self.probing.missing)))
            return
        probed = ((source, self._found[source]) for source in self._sources if source in self._found)
        self._fonts = tuple(licensed(font, tuple(self.args["licences"])) for font in name_fonts(probed, 1))
        misfit = next((font for font in self._fonts if font.slug == "invalid-argument"), None)
        if misfit is not None:
            self.done(FontmillError("invalid-argument", misfit.reason))
            return
        good = {font.source for font in self._fonts if font.accepted}
        self._found = {source: found if source in good else replace(found, pairs=()) for source, found in self._found.items()}
        self._go_on([source for source in self._sources if source in self._found and self._found[source].pairs], bool(good))

    def _go_on(self, giving: Sequence[str], good: bool) -> None:
        """`giving` are the files that pairs can be drawn with."""
        wanted = self.args["pairs"]
        each = -(-wanted // max(len(giving), 1))
        if len(giving) < wanted and self._left:
            self._look_at(max(wanted - len(giving), len(self._found)))  # as many as before at least: few rounds, whatever the files are
        elif giving and each > self._samples:
            self._samples = each
            self._probe(giving)
        else:
            self._draw(_evenly(giving, wanted), good)

    def _draw(self, sources: Sequence[str], good: bool) -> None:
        """Put pairs of `sources` on a sheet; `good` tells whether any font is accepted."""
        pairs = _in_turn([self._found[source].pairs for source in sources])[: self.args["pairs"]]
        if pairs:
            self.probing.sheet(pairs, self.args["columns"], lambda sheet: self.done(self._concluded(sheet, len(pairs), len(sources))))
        else:
            self.done(FontmillError("text-unfit") if good else all_refused(self._fonts))

    def _concluded(self, sheet: SheetDone, pairs: int, fonts: int) -> dict[str, Any] | FontmillError:
        if not sheet.sheet:
            return FontmillError("internal", f"The contact sheet could not be made: {sheet.reason}")
        refused = [{"source": font.source, "slug": font.slug, "reason": font.reason} for font in self._fonts if not font.accepted]
        return {"sheet": sheet.sheet, "pairs": pairs, "fonts": fonts, "refused_fonts": refused, "lacking_text": lacking_text(self._fonts)}


def _evenly(items: Sequence[str], count: int) -> list[str]:
    """So many of them, or all, in their order, at even distances."""
    count = min(count, len(items))
    return [items[number * len(items) // count] for number in range(count)]


def _in_turn(lists: Sequence[Sequence[Any]]) -> list[Any]:
    """The first of each, the second of each, ..."""
    longest = max(map(len, lists), default=0)
    return [items[number] for number in range(longest) for items in lists if number < len(items)]
