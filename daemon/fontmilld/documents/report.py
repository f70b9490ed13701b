"""report.html of a finished project: one file with its pictures inside, to be opened from the disk.

Its cost is bounded: figures are of labels chosen evenly, pictures of a few pairs. It holds no time, host or path.
"""

from __future__ import annotations

import base64
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Final

from fontmill.model import ExportSession
from fontmilld.core import layout
from fontmilld.core.accounts import lacking_text
from fontmilld.documents.accounts import Account, some_labels
from fontmilld.documents.charts import histogram, shares
from fontmilld.store.tree import Tree

LABELS: Final = 2000
"""Labels looked at, as far as there are fewer fonts."""
PAIRS: Final = 48
PICTURE_BYTES: Final = 12 << 20
FONT_ROWS: Final = 2000
_STYLE: Final = """
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#223;background:#fff}
h1{margin-bottom:.2rem}h2{margin-top:2.2rem;border-bottom:1px solid #ccd}table{border-collapse:collapse;font-size:13px}
td,th{padding:.15rem .6rem;border-bottom:1px solid #e4e4ee;text-align:left;vertical-align:top}.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
figure{margin:0 0 1.2rem}figcaption{font-size:13px;margin-bottom:.3rem}.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(20rem,1fr));gap:1.2rem}
svg{width:100%;height:auto}rect{fill:#4a6fa5}svg text{font-size:11px;fill:#556}.bar{width:9rem}.bar i{display:block;height:.7rem;background:#4a6fa5}
.pairs{display:grid;grid-template-columns:repeat(auto-fill,minmax(16rem,1fr));gap:1rem}.pairs img{display:block;width:100%;margin-bottom:2px;background:#eee}
.bad{color:#a22}.wide{overflow-x:auto}small{color:#667}
"""


@dataclass(slots=True)
class Figures:
    """What the chosen labels add up to."""

    labels: int = 0
    blur: list[float] = field(default_factory=list)
    snr: list[float] = field(default_factory=list)
    psnr: list[float] = field(default_factory=list)
    size: list[float] = field(default_factory=list)
    ink: list[float] = field(default_factory=list)
    length: list[int] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    effects: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    scripts: Counter[str] = field(default_factory=Counter)
    fonts_of: dict[str, set[str]] = field(default_factory=dict)
    characters: dict[str, set[str]] = field(default_factory=dict)

    def add(self, font_id: str, label: Mapping[str, Any]) -> None:
        """Count one label."""
        self.labels += 1
        kernels = label["psf"]
        spread = math.fsum(kernel["moments"][0] + kernel["moments"][2] for kernel in kernels) / 2
        self.blur.append(math.sqrt(max(0.0, spread)))
        self.kinds["+".join(kernel["kind"] for kernel in kernels) or "none"] += 1
        for name, values in (("snr", self.snr), ("psnr", self.psnr)):
            if label[name] is not None:
                values.append(label[name])
        self.size.append(label["recipe"]["style"]["size"])
        self.ink.append(100 * label["text_box"][3] / label["height"])
        self.length.append(len(label["text"]))
        self.effects.update({effect["kind"] for effect in label["recipe"]["effects"]} or {"none"})
        self.sources[label["text_source"]] += 1
        script = label["script"]
        self.scripts[script] += 1
        self.fonts_of.setdefault(script, set()).add(font_id)
        self.characters.setdefault(script, set()).update(label["text"])


def report(tree: Tree, session: ExportSession, accounts: Sequence[Account]) -> bytes:
    """The file's bytes. Reads pieces of the labels and a few pictures; raises what the tree raises."""
    used = [account for account in accounts if account.done]
    per_font = max(1, LABELS // max(1, len(used)))
    figures = Figures()
    first: list[tuple[str, dict[str, Any]]] = []
    for account in used:
        for number, label in enumerate(some_labels(tree, account, per_font)):
            figures.add(account.info.font_id, label)
            if number < _shown_of(len(used)):
                first.append((account.info.font_id, label))
    body = "".join((
        _head(session, accounts), _coverage(figures), _distributions(figures), _sheet(tree, _evenly(first, PAIRS)),
        _failures(session, accounts), _fonts(accounts), _setup(session),
    ))
    title = escape(session.project_name)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body>{body}</body></html>\n"
    ).encode("utf-8", "replace")


def _shown_of(fonts: int) -> int:
    return max(1, -(-PAIRS // fonts))


def _evenly(items: Sequence[Any], count: int) -> list[Any]:
    return [items[number * len(items) // count] for number in range(count)] if len(items) > count else list(items)


def _head(session: ExportSession, accounts: Sequence[Account]) -> str:
    done, failed = sum(a.done for a in accounts), sum(a.failed for a in accounts)
    refused = [font for font in session.fonts if not font.accepted]
    skipped = session.total_samples - done - failed
    config = session.config
    rows = (
        ("asked for", session.total_samples), ("made", done), ("failed", failed), ("skipped", skipped),
        ("fonts used", sum(1 for a in accounts if a.done)), ("fonts refused", len(refused)),
    )
    cells = "".join(f'<tr><td>{name}</td><td class="n">{count:,}</td></tr>' for name, count in rows)
    return (
        f"<h1>{escape(session.project_name)}</h1><p>Pairs of a clear and a blurred picture of text, "
        f"{config.image_width} × {config.image_height} px, {escape(config.color)}, preset <b>{escape(config.preset)}</b>, seed {config.seed}.</p>"
        f"<table>{cells}</table>{_lacking(session)}"
    )


def _lacking(session: ExportSession) -> str:
    return "".join(
        f"<p>Nothing from <b>{escape(source)}</b> in {_named(Counter(fonts))}, which cannot draw it: their text is from the other sources.</p>"
        for source, fonts in lacking_text(session.fonts).items()
    )


def _coverage(figures: Figures) -> str:
    rows = "".join(
        f'<tr><td>{escape(script)}</td><td class="n">{count}</td><td class="n">{100 * count / figures.labels:.1f} %</td>'
        f'<td class="n">{len(figures.fonts_of[script])}</td><td class="n">{len(figures.characters[script])}</td></tr>'
        for script, count in sorted(figures.scripts.items(), key=lambda item: (-item[1], item[0]))
    )
    return (
        f"<h2>Coverage</h2><p><small>Of {figures.labels:,} pairs chosen evenly.</small></p><table><tr><th>script</th><th>pairs</th><th></th>"
        f"<th>fonts</th><th>different characters</th></tr>{rows}</table>"
    )


def _distributions(figures: Figures) -> str:
    charts = (
        histogram("Blur: standard deviation of all kernels", "px", figures.blur, 2), histogram("SNR", "dB", figures.snr),
        histogram("PSNR between the halves", "dB", figures.psnr), histogram("Size of the text", "px per em", figures.size),
        histogram("Height of the ink", "% of the picture", figures.ink), histogram("Length of the text", "characters", figures.length, 0),
        shares("Blur", figures.kinds), shares("Text source", figures.sources), shares("Special effects", figures.effects, figures.labels),
    )
    return f'<h2>Distributions</h2><div class="figures">{"".join(charts)}</div>'


def _sheet(tree: Tree, chosen: Iterable[tuple[str, Mapping[str, Any]]]) -> str:
    return f'<h2>Contact sheet</h2><div class="pairs">{"".join(_cells(tree, chosen))}</div>'


def _cells(tree: Tree, chosen: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[str]:
    left = PICTURE_BYTES
    for font_id, label in chosen:
        left -= label["clear_bytes"] + label["blurred_bytes"]
        if left < 0:
            return
        images = "".join(
            f'<img alt="{half}" src="data:image/png;base64,{_encoded(tree, font_id, label[f"{half}_file_name"])}">' for half in layout.HALVES
        )
        blur = "+".join(kernel["kind"] for kernel in label["psf"]) or "none"
        psnr = "" if label["psnr"] is None else f", {label['psnr']:.1f} dB"
        yield (
            f'<figure>{images}<figcaption><span dir="{escape(label["direction"])}">{escape(label["text"])}</span><br>'
            f'<small>{escape(font_id)} {label["index"]}, {escape(label["script"])}, {escape(blur)}{psnr}</small></figcaption></figure>'
        )


def _encoded(tree: Tree, font_id: str, name: str) -> str:
    return base64.b64encode(tree.read(f"{layout.font_dir(font_id)}/{name}")).decode("ascii")


def _failures(session: ExportSession, accounts: Sequence[Account]) -> str:
    found: dict[tuple[str, str], Counter[str]] = {}
    for account in accounts:
        for failure in account.state.failures:
            found.setdefault((failure.slug, failure.reason), Counter())[account.info.font_id] += len(failure.indices)
        if account.skipped:
            found.setdefault(("skipped", "The session was ended before these were made."), Counter())[account.info.font_id] += account.skipped
    for font in session.fonts:
        if not font.accepted:
            found.setdefault((font.slug, font.reason), Counter())[_file_name(font.source)] += font.total_samples
    if not found:
        return "<h2>Failures</h2><p>None: every pair that was asked for is there.</p>"
    rows = "".join(
        f'<tr><td class="bad">{escape(slug)}</td><td>{escape(reason)}</td><td class="n">{sum(fonts.values()):,}</td><td>{_named(fonts)}</td></tr>'
        for (slug, reason), fonts in sorted(found.items(), key=lambda item: (-sum(item[1].values()), item[0]))
    )
    return f"<h2>Failures</h2><table><tr><th>kind</th><th>reason</th><th>pairs</th><th>fonts</th></tr>{rows}</table>"


def _file_name(source: str) -> str:
    return source.rpartition("/")[2]


def _named(fonts: Counter[str]) -> str:
    names = sorted(fonts)
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return escape(", ".join(names[:12]) + more)


def _fonts(accounts: Sequence[Account]) -> str:
    licences: Counter[str] = Counter()
    for account in accounts:
        licences[account.licence] += account.done
    rows = "".join(map(_font_row, accounts[:FONT_ROWS]))
    more = f"<p>And {len(accounts) - FONT_ROWS} more; README.md has them all.</p>" if len(accounts) > FONT_ROWS else ""
    return (
        f"<h2>Fonts and licences</h2>{shares('Pairs by licence', licences)}<p><small>A licence is what the font says of itself; "
        f'fontmill does not judge.</small></p><div class="wide"><table><tr><th>font</th><th>family</th><th>style</th><th>licence</th>'
        f"<th>scripts</th><th>characters</th><th>made</th><th>failed</th><th>skipped</th></tr>{rows}</table></div>{more}"
    )


def _font_row(account: Account) -> str:
    info, record = account.info, account.info.record
    scripts = sorted(record.get("scripts", {}).items(), key=lambda item: (-item[1], item[0]))
    told = ", ".join(name for name, _ in scripts[:6]) + (" ..." if len(scripts) > 6 else "")
    cells = (info.font_id, info.family, info.style, account.licence, told)
    numbers = (record.get("usable_count", ""), account.done, account.failed, account.skipped)
    return (
        "<tr>" + "".join(f"<td>{escape(str(cell)[:100])}</td>" for cell in cells)
        + "".join(f'<td class="n">{escape(str(number))}</td>' for number in numbers) + "</tr>"
    )


def _setup(session: ExportSession) -> str:
    config = {name: value for name, value in session.config.identity().items() if value is not False and value not in ("", [])}
    return f"<h2>Configuration</h2>{_table(config)}<h2>Made with</h2>{_table(session.fingerprint)}"


def _table(values: Mapping[str, Any]) -> str:
    rows = "".join(f"<tr><td>{escape(name)}</td><td>{_value(value)}</td></tr>" for name, value in sorted(values.items()))
    return f"<table>{rows}</table>"


def _value(value: Any) -> str:
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    text = escape(str(value))
    return f"<pre>{text}</pre>" if "\n" in text else text
