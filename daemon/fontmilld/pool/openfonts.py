"""Fonts made ready to draw, and the settings they are drawn with, as far as a worker keeps them."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from fontmill import wire
from fontmill.errors import FontmillError
from fontmill.model import ExportConfig, ExportSession, FontInfo
from fontmilld.core import layout
from fontmilld.core.labels import Image, claim_line
from fontmilld.pool.fontfile import font_digest, read_font
from fontmilld.pool.messages import FontContext
from fontmilld.render.faces import Face
from fontmilld.render.pair import PairRenderer, RenderedPair
from fontmilld.render.settings import RenderSettings
from fontmilld.render.stages import StageClock
from fontmilld.store.text import required_text
from fontmilld.store.tree import Tree

OPEN_FONTS = 3
ASKED = 4

K = TypeVar("K")
V = TypeVar("V")


@dataclass(slots=True)
class OpenFont:
    """A font that is ready to draw."""

    renderer: PairRenderer
    font_id: str
    width: int
    kinds: tuple[str, ...]

    def drawn(self, pair: RenderedPair) -> Drawn:
        """All that the tree holds of a pair."""
        clear = Image(self._name(pair, "clear"), len(pair.clear), pair.clear_sha256)
        blurred = Image(self._name(pair, "blurred"), len(pair.blurred), pair.blurred_sha256)
        files, extras = {clear.file_name: pair.clear, blurred.file_name: pair.blurred}, {}
        if len(self.kinds) > len(layout.HALVES):
            made = self.renderer.extras(pair.index)
            for kind in self.kinds[len(layout.HALVES):]:
                data = made[kind]
                extras[kind] = Image(self._name(pair, kind), len(data), hashlib.sha256(data).hexdigest())
                files[extras[kind].file_name] = data
        # A font id needs no escapes.
        members = b'"font_id":"%b",%b' % (self.font_id.encode("ascii"), pair.members)
        return Drawn(files, claim_line(pair.index, clear, blurred, members, extras))

    def _name(self, pair: RenderedPair, kind: str) -> str:
        return layout.image_name(self.font_id, pair.index, kind, self.width)


class Asked(NamedTuple):
    """What a session asks for, the same for all its fonts. `kinds` are the image files of a pair."""

    settings: RenderSettings
    kinds: tuple[str, ...]


class Drawn(NamedTuple):
    """One pair as it goes to the tree: its images by file name, and the line that claims them."""

    files: dict[str, bytes]
    line: bytes


class OpenFonts:
    """The fonts of the latest contexts. `opener` gives the tree of a project, in which a user's own text lies."""

    def __init__(self, opener: Callable[[str], Tree], clock: StageClock) -> None:
        self._opener = opener
        self._clock = clock
        self._fonts: OrderedDict[tuple[Any, ...], OpenFont] = OrderedDict()
        self._asked: OrderedDict[bytes, Asked] = OrderedDict()

    def open(self, context: FontContext) -> OpenFont:
        """The font of a context, opened if it is none of the latest. Raises FontmillError and FontProblem."""
        return _kept(self._fonts, context.key, OPEN_FONTS, lambda: self._open_anew(context))

    def _open_anew(self, context: FontContext) -> OpenFont:
        data = read_font(context.source)
        if font_digest(data) != context.sha256:
            raise FontmillError("font-changed")
        asked = _kept(self._asked, wire.pack(context.settings), ASKED, lambda: self._ask(context))
        try:
            face = Face(data, context.face_index, context.record)
        except (TypeError, KeyError) as error:
            raise FontmillError("unsupported-schema", "The font's record is of another version of fontmill; this one cannot draw by it.") from error
        renderer = PairRenderer(asked.settings, face, context.sha256, self._clock)
        return OpenFont(renderer, context.font_id, layout.index_width(context.num_samples), asked.kinds)

    def _ask(self, context: FontContext) -> Asked:
        """Read the settings; with them goes the user's own text, which lies in the project and has its digest there."""
        session = session_of(context)
        text = ""
        if session.config.text_sha256:
            tree = self._opener(context.project_path)
            try:
                text = required_text(tree, session)
            finally:
                tree.close()
        return Asked(RenderSettings.from_config({**context.settings, "text_content": text}), session.config.image_kinds)


def _kept(kept: OrderedDict[K, V], key: K, most: int, make: Callable[[], V]) -> V:
    """What is kept under the key, made if need be; of the others, the least used ones go."""
    found = kept.get(key)
    if found is None:
        found = kept[key] = make()
        while len(kept) > most:
            kept.popitem(last=False)
    kept.move_to_end(key)
    return found


def session_of(context: FontContext) -> ExportSession:
    """As much of the session as a check of one font needs."""
    info = FontInfo(context.font_id, context.source, context.sha256, context.face_index, context.num_samples)
    config = ExportConfig.from_dict({**context.settings, "num_samples": context.num_samples})
    return ExportSession(context.session_id, "", "", "", config, (info,), {})
