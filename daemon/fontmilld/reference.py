"""docs/presets.md, made from the presets themselves: `python -m fontmilld.reference --write|--check docs/`."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping

from fontmill.cli import reference
from fontmilld.render import effects, presetlib, presets
from fontmilld.render.kinds import KINDS

MADE = "<!-- Made by `python -m fontmilld.reference --write docs`; do not edit. -->"
INTRO = "A preset says what happens to the clear picture. A published one never changes: a better one gets a new name."
OWN = """A preset of your own is such a file: `fontmill run ... --preset mine.toml`. It is called `mine` in the labels, its
content is part of the session, and a changed file is another project. `fontmill preview --preset mine.toml` shows it."""
EXTENDING = """A package can register special effects (entry points `fontmill.effects`) and degradations
(`fontmill.degradations`); [examples/fontmill-worn](examples/fontmill-worn) has one of each, and is tested as it stands. An
effect is named with `--effects`, a degradation as the `kind` of a step. What is registered must be pure, and its
package's version is part of the fingerprint: a project goes on only with the version that it was begun with."""


def presets_page() -> str:
    """The page: every preset with its sources and its TOML, the form of the file, the kinds of steps."""
    parts = [MADE, "# Presets", INTRO]
    for name, source in presetlib.SOURCES.items():
        parts += [f"## {name}", _notes(name), f"```toml\n{source.strip()}\n```"]
    form = (presets.__doc__ or "").partition("\n\n")[2].strip("\n")
    parts += ["## Your own", OWN, *_paragraphs(form), "## Kinds of steps", _kinds()]
    parts += ["## Special effects", f"`--special-effects` draws from {', '.join(f'`{name}`' for name in effects.EFFECTS)}."]
    return "\n\n".join([*parts, "## Effects and degradations of your own", EXTENDING]) + "\n"


def _notes(name: str) -> str:
    found = [text for text in (presetlib.__doc__ or "").split("\n\n") if text.startswith(f"`{name}`")]
    if not found:
        raise ValueError(f"presetlib says nothing of {name}, nor of its sources")
    return "\n\n".join(textwrap.fill(" ".join(text.split()), 118, break_on_hyphens=False) for text in found)


def _paragraphs(text: str) -> list[str]:
    """Indented paragraphs are TOML, the others prose."""
    return [
        f"```toml\n{textwrap.dedent(part)}\n```" if part.startswith("    ") else " ".join(part.split())
        for part in text.split("\n\n") if part.strip()
    ]


def _kinds() -> str:
    rows = []
    for name, kind in KINDS.items():
        told = [f"`{param}` {low:g} to {high:g}" for param, (low, high) in kind.numbers.items()]
        told += [f"`{param}` {', '.join(allowed)}" for param, allowed in kind.names.items()]
        rows.append(f"| `{name}` | {'; '.join(told) or 'none'} |")
    return "\n".join(["| kind | parameters |", "|---|---|", *rows])


PAGES: Mapping[str, Callable[[str], str]] = {"presets.md": lambda _: presets_page()}


if __name__ == "__main__":
    raise SystemExit(reference.main(pages=PAGES))
