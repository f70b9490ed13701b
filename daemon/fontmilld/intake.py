"""From a start request to a session worth opening: find the font files, probe every face, name the fonts."""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any, Protocol

from fontmill.errors import FontmillError, invalid
from fontmill.model import ExportConfig, ExportSession, FontInfo
from fontmilld.core import layout
from fontmilld.pool.messages import ProbeDone, SheetDone
from fontmilld.render import naming

SHOWN_REFUSALS = 20
_NOT_OF_THE_FONT = ("invalid-argument", "no-workers")
"""What a probe answers where the request or the machine is to blame: no session begins."""


@dataclass(frozen=True, slots=True)
class StartRequest:
    """A validated `start`: what is wanted, and the key that makes it safe to repeat.

    `text` is the user's own text, of which `config` holds the digest only.
    """

    output_path: str
    project_name: str
    fonts: tuple[str, ...]
    config: ExportConfig
    key: str | None
    force: bool
    text: str = ""

    @classmethod
    def from_args(cls, args: Mapping[str, Any], key: str | None) -> StartRequest:
        """From the arguments of the verb. Raises `invalid-argument` for a name that is no safe folder name."""
        if not layout.is_project_name(args["project_name"]):
            raise invalid("project_name", "use 1 to 100 letters, digits, `.`, `_` or `-`, beginning with a letter or digit.")
        text = args["text_content"]
        return cls(args["output_path"], args["project_name"], tuple(args["fonts"]), config_of(args), key, args["force"], text)


def config_of(args: Mapping[str, Any]) -> ExportConfig:
    """The configuration that validated arguments ask for: in the place of the text, its digest."""
    text = args["text_content"]
    digest = hashlib.sha256(text.encode()).hexdigest() if text else ""
    return replace(ExportConfig.from_dict(args), text_sha256=digest)


def settings_of(config: ExportConfig, text: str) -> dict[str, Any]:
    """What a process needs to know to draw."""
    return {**config.identity(), "text_content": text}


class Probing(Protocol):
    """The prober (pool/prober.py)."""

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """What this machine renders with; known after the first probe."""

    @property
    def missing(self) -> tuple[str, ...]:
        """What this machine lacks for rendering, in sentences."""

    def probe(self, source: str, settings: Mapping[str, Any], answer: Callable[[ProbeDone], None], samples: int = 0) -> None:
        """Inspect one file, draw one sample of each face as `settings` ask for, and hand back `samples` pairs."""

    def sheet(self, pairs: Sequence[Any], columns: int, answer: Callable[[SheetDone], None]) -> None:
        """Put pairs on a contact sheet."""


@dataclass
class Intake:
    """One request on its way. `done` is called once, with a session to open or the error to answer."""

    request: StartRequest
    probing: Probing
    utc: Callable[[], str]
    done: Callable[[ExportSession | FontmillError], None]
    _found: dict[str, ProbeDone] = field(default_factory=dict)
    _sources: list[str] = field(default_factory=list)

    def files_found(self, sources: list[str] | FontmillError) -> None:
        """The font files by path, in order; or why there are none."""
        if isinstance(sources, FontmillError):
            self.done(sources)
            return
        self._sources = list(dict.fromkeys(sources))
        if not self._sources:
            self.done(FontmillError("no-fonts"))
        settings = settings_of(self.request.config, self.request.text)
        for source in self._sources:
            self.probing.probe(source, settings, lambda found, source=source: self._probed(source, found))  # type: ignore[misc]

    def _probed(self, source: str, found: ProbeDone) -> None:
        self._found[source] = found
        if len(self._found) == len(self._sources):
            self.done(self._concluded())

    def _concluded(self) -> ExportSession | FontmillError:
        if self.probing.missing:
            return FontmillError("renderer-incomplete", " ".join(self.probing.missing))
        request = self.request
        probed = ((source, self._found[source]) for source in self._sources)
        named = name_fonts(probed, request.config.num_samples)
        fonts = tuple(licensed(font, request.config.licences) for font in named)
        failed = next((font for font in fonts if font.slug in _NOT_OF_THE_FONT), None)
        if failed is not None:
            return FontmillError(failed.slug, failed.reason)
        if not any(font.accepted for font in fonts):
            return all_refused(fonts)
        session_id = f"{naming.slug(request.project_name)[:24] or 'session'}-{secrets.token_hex(4)}"
        return ExportSession(session_id, request.project_name, request.output_path, self.utc(), request.config, fonts,
                             dict(self.probing.fingerprint))


def name_fonts(probed: Iterable[tuple[str, ProbeDone]], num_samples: int) -> Iterable[FontInfo]:
    """One FontInfo a face, in order, each with an id of its own. A face given twice is one font."""
    taken: set[str] = set()
    seen: set[tuple[str, int]] = set()
    for source, found in probed:
        for face in found.faces:
            identity = (found.sha256, int(face["face_index"]))
            if found.sha256 and identity in seen:
                continue
            seen.add(identity)
            record = dict(face["record"])
            wanted = str(face.get("wanted_id") or naming.slug(PurePath(source).stem))
            font_id = naming.free_id(wanted, found.sha256 or "0" * 64, taken)
            taken.add(font_id)
            yield FontInfo(
                font_id, source, found.sha256, identity[1], num_samples, "pending" if not face["slug"] else "skipped",
                face["reason"], face["slug"], str(record.get("family", "")), str(record.get("style", "")), record,
            )


def licensed(font: FontInfo, allowed: tuple[str, ...]) -> FontInfo:
    """The font, refused if `allowed` names licences and its own is not one of them. Case does not count."""
    licence = _licence(font)
    if not font.accepted or not allowed or licence.lower() in {name.lower() for name in allowed}:
        return font
    reason = f"its licence ({licence}) is none of those allowed ({', '.join(allowed)})"
    return replace(font, status="skipped", slug="font-licence", reason=reason)


def _licence(font: FontInfo) -> str:
    return str(font.record.get("licence", "")) or "unknown"


def all_refused(fonts: tuple[FontInfo, ...]) -> FontmillError:
    """The error that tells why no font can be used."""
    refused = [{"source": font.source, "slug": font.slug, "reason": font.reason} for font in fonts[:SHOWN_REFUSALS]]
    first = f" The first: {PurePath(fonts[0].source).name}: {fonts[0].reason.rstrip('.')}." if fonts else ""
    licences = Counter(_licence(font) for font in fonts if font.slug == "font-licence")
    found = ", ".join(f"{name} ({number})" for name, number in licences.most_common(SHOWN_REFUSALS))
    told = f" Licences found: {found}." if found else ""
    return FontmillError("no-usable-fonts", f"Every font was refused ({len(fonts)}).{first}{told}", {"refused": refused})


def changed_into(found: ProbeDone, face_index: int) -> str:
    """What became of a font file, for its owner."""
    face = next((face for face in found.faces if face["face_index"] == face_index), None)
    if face is None:
        return "The font file changed since the session started: the face is no longer in it."
    what = f"now it is refused: {face['reason']}" if face["slug"] else "now it holds another font."
    return f"The font file changed since the session started; {what}"
