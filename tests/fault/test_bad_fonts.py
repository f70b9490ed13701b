"""Rubbish in place of fonts: the daemon does not notice, every file is accounted for, and no picture is blank."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont
from PIL import Image

from fault.rig import SMALL, RigDaemon, chance, doses, figure, finish
from system.conftest import begin

pytestmark = pytest.mark.fault
EACH = 20


def mutant(good: bytes, luck: random.Random) -> bytes:
    """One of the ways in which a font file can be wrong."""
    data = bytearray(good)
    way = luck.randrange(7)
    if way == 0:
        return bytes(data[: luck.randrange(len(data))])
    if way == 1:
        for _ in range(luck.choice((1, 4, 64, 4096))):
            data[luck.randrange(len(data))] ^= 1 << luck.randrange(8)
    elif way == 2:  # the table directory and the first tables: where offsets and lengths are
        for _ in range(luck.choice((1, 3, 10))):
            data[luck.randrange(min(600, len(data)))] = luck.randrange(256)
    elif way == 3:
        at = luck.randrange(len(data))
        data[at : at + 4096] = bytes(min(4096, len(data) - at))
    elif way == 4:
        return luck.randbytes(luck.choice((0, 1, 12, 5000)))
    elif way == 5:
        at, other = luck.randrange(len(data)), luck.randrange(len(data))
        data[at : at + 2000] = data[other : other + 2000]
        return bytes(data[: len(good)])
    else:
        at = luck.randrange(len(data))
        data[at : at + 64] = b"\xff" * min(64, len(data) - at)
    return bytes(data)


def is_blank(path: Path) -> bool:
    with Image.open(path) as image:
        low, high = image.convert("L").getextrema()
    return low == high


def one_colony(daemon: RigDaemon, name: str, files: list[str], samples: int) -> dict[str, int]:
    """A session over these files; what became of them."""
    boot, pid = daemon.client.ping()["boot"], daemon.process.pid
    session = begin(daemon, files, name, samples, **SMALL)
    status = finish(daemon, session, 240)
    entries = daemon.client.fonts(session)["fonts"]
    assert daemon.client.ping()["boot"] == boot and daemon.process.pid == pid and daemon.process.poll() is None
    assert {entry["source"] for entry in entries} == set(files), "a file is not accounted for"
    refused = [entry for entry in entries if entry["status"] == "skipped"]
    assert all(entry["reason"] and entry["slug"] for entry in refused)
    assert status["total_samples"] == status["exported_samples"] + status["failed_samples"] + status["skipped_samples"]
    blank = [path.name for path in (daemon.root / name).glob("fonts/*/images/*_clear.png") if is_blank(path)]
    assert blank == []
    return {"files": len(files), "refused": len(refused), "drawn": status["exported_samples"], "given_up": status["failed_samples"]}


@pytest.mark.parametrize(("count", "seed"), doses(40, 1000, 5))
def test_mutants_have_no_effect_on_the_daemon(
    count: int, seed: int, launch: Callable[..., RigDaemon], tmp_path: Path, fonts: list[str],
) -> None:
    luck, daemon = chance(seed), launch(tmp_path / "out")
    goods = [Path(font).read_bytes() for font in fonts]
    totals: dict[str, int] = {}
    for start in range(0, count, EACH):
        folder = tmp_path / f"colony{start}"
        folder.mkdir()
        files, made = [fonts[0]], {Path(fonts[0]).read_bytes()}
        for number in range(start, min(start + EACH, count)):
            file = folder / f"mutant{number}.ttf"
            data = mutant(luck.choice(goods), luck)
            while data in made:  # files of the same bytes are one font to the daemon
                data = mutant(luck.choice(goods), luck)
            made.add(data)
            file.write_bytes(data)
            files.append(str(file))
        for key, value in one_colony(daemon, f"colony{start}", files, 4).items():
            totals[key] = totals.get(key, 0) + value
        figure("mutants", seed=seed, count=start + EACH, accounted=1.0, blank_pictures=0, **totals)


def test_a_font_of_blanks_is_flagged(launch: Callable[..., RigDaemon], tmp_path: Path, fonts: list[str]) -> None:
    file = next(font for font in fonts if "glyf" in TTFont(font))
    font = TTFont(file)
    for table in ("gvar", "GSUB", "GPOS", "HVAR", "MVAR", "avar", "fvar", "STAT"):
        if table in font:
            del font[table]
    empty = TTGlyphPen(None).glyph()
    for glyph in font.getGlyphOrder():
        font["glyf"][glyph] = empty
    blank = tmp_path / "blank.ttf"
    font.save(blank)
    daemon = launch(tmp_path / "out")
    session = begin(daemon, [file, str(blank)], "blanks", 3, **SMALL)
    status = finish(daemon, session)
    entry = next(entry for entry in daemon.client.fonts(session)["fonts"] if entry["source"] == str(blank))
    assert (entry["status"], status["exported_samples"], status["skipped_samples"]) == ("skipped", 3, 3)
    assert entry["reason"]
    figure("blank-font", slug=entry["slug"], reason=entry["reason"])
