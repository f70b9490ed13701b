"""README.md of a project: the data set card. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from fontmill.model import ExportConfig, ExportSession
from fontmilld.core import layout
from fontmilld.documents.accounts import Account


def dataset_card(session: ExportSession, accounts: Sequence[Account]) -> str:
    """The card. Says where every font's labels are, and under which licence each font was used.

    Without explicit `configs` a loader that meets a folder named like a split reads only that one.
    """
    used = [account for account in accounts if account.done]
    total = sum(account.done for account in used)
    lines = ["---", *_front_matter(total), "---", "", f"# {session.project_name}", ""]
    lines += [*_prose(session, total), "", "## Fonts and their licences", "", *_ledger(used), ""]
    return "\n".join(lines)


def _front_matter(total: int) -> list[str]:
    head = ["task_categories:", "- image-to-image", "size_categories:", f"- {_size_category(total)}"]
    if not total:
        return head
    images = f"{layout.images_dir('*')}/*.png"
    return [
        *head, "configs:", "- config_name: default", "  data_files:", "  - split: train", "    path:",
        f"    - {layout.samples_file('*')}", f"    - {images}",
    ]


def _size_category(total: int) -> str:
    for limit, name in ((1000, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M")):
        if total < limit:
            return name
    return "1M<n<10M"


def _prose(session: ExportSession, total: int) -> list[str]:
    config = session.config
    return [
        f"{total} pairs of a clear and a blurred picture of text, {config.image_width} x {config.image_height} pixels, "
        f"made by fontmill with preset `{config.preset}` and seed {config.seed}.",
        "",
        "Each font's `metadata.jsonl` has one line per pair: both file names, the text, the recipe, the blur "
        "kernel, the noise, sizes and SHA-256 digests. `metadata.json` beside it describes the font and its licence.",
        "",
        *_unpacking(config),
        "`report.html` shows what is in it; `croissant.json` describes it for tools.",
        "",
        "```python", "from datasets import load_dataset", "", f'pairs = load_dataset("./{session.project_name}", split="train")  # from the folder that holds this one', "```",
    ]


def _unpacking(config: ExportConfig) -> list[str]:
    if not config.compress_metadata:
        return []
    return ["Here the labels are kept compressed, as `metadata.jsonl.gz`. `load_dataset` and the Croissant description need "
            f"them beside that, unpacked: `gunzip -k {layout.packed_file('*')}`.", ""]


def _ledger(accounts: Iterable[Account]) -> list[str]:
    """Pairs by licence, then every font with what it says of its licence itself."""
    listed = list(accounts)
    pairs: Counter[str] = Counter()
    fonts: Counter[str] = Counter()
    for account in listed:
        pairs[account.licence] += account.done
        fonts[account.licence] += 1
    rows = [f"| {_cell(name)} | {fonts[name]} | {count} |" for name, count in sorted(pairs.items())]
    return [
        "fontmill names what each font says of itself; it does not judge. Whether pictures made with a font may be used",
        "or passed on is for its licence to say.", "",
        "| licence | fonts | pairs |", "|---|---|---|", *rows, "",
        "| font | family | style | version | licence | evidence | SHA-256 | pairs |", "|---|---|---|---|---|---|---|---|",
        *map(_row, listed),
    ]


def _row(account: Account) -> str:
    info = account.info
    names = info.record.get("names", {})
    cells = [
        f"`{info.font_id}`", _cell(info.family), _cell(info.style), _cell(str(names.get("version", ""))), _cell(account.licence),
        _cell(str(info.record.get("licence_evidence", ""))), f"`{info.sha256[:16]}`", str(account.done),
    ]
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    """A font's name is foreign text: it may not break out of its cell."""
    printable = cut if (cut := text[:100]).isprintable() else "".join(c if c.isprintable() else " " for c in cut)
    return printable.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "\\`")
