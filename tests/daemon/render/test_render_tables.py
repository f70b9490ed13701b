"""What tables say is the same whether fontTools reads them or not; and what is damaged is left to it."""

import functools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fontmilld.render.fonttables import Tables
from fontmilld.render.plaintables import Unusual

SOME_TABLES = st.lists(st.sampled_from(["glyf", "CFF ", "EBDT", "COLR", "GSUB", "morx", "name", "xxxx"]), unique=True, max_size=4)
PLATFORMS = st.sampled_from([(3, 1), (3, 10), (3, 0), (3, 2), (1, 0), (1, 1), (1, 25), (0, 3), (2, 2), (9, 9)])
LANGUAGES = st.sampled_from([0x409, 0, 0x407, 0x411, 15, 37, 0x1009])
TEXTS = (
    st.text(max_size=8).map(lambda text: text.encode("utf-16-be", "surrogatepass"))
    | st.text("AZaz 09\t", max_size=8).map(lambda text: text.encode("utf-16-be"))
    | st.text("AZaz 09", max_size=8).map(str.encode)
    | st.text("AZaz", max_size=4).map(lambda text: text.encode("utf-16-be").decode("latin-1").encode("utf-16-be"))
    | st.binary(max_size=9)
)
RECORDS = st.lists(st.tuples(PLATFORMS, LANGUAGES, st.sampled_from([1, 2, 4, 5, 13, 16, 99]), TEXTS), max_size=12)
OS2 = st.tuples(st.integers(0, 6), st.integers(70, 104), st.binary(min_size=104, max_size=104), st.sampled_from([b"NONE", b"AB\0\0", b"\xe9x y"]))


FIXED = st.integers(-(2**31), 2**31 - 1)
AXES = st.lists(st.tuples(st.sampled_from([b"wght", b"wdth", b"opsz", b"w\xe9gt"]), st.tuples(FIXED, FIXED, FIXED), st.integers(0, 3), st.sampled_from([1, 2, 13, 256, 257])), max_size=3)
INSTANCES = st.lists(st.tuples(st.sampled_from([2, 17, 256, 300]), st.tuples(FIXED, FIXED, FIXED)), max_size=3)
FVAR = st.tuples(AXES, INSTANCES, st.sampled_from([0, 0, 2, 4]), st.sampled_from([0, 0, 0, 1, 9]), st.sampled_from([0x10000, 0x10000, 0x20000]), st.sampled_from([16, 16, 18, 12]))


def file_of(tables, magic=b"\0\1\0\0"):
    """A font file with these tables, complete or not."""
    at, entries, body = 12 + 16 * len(tables), b"", b""
    for tag, content in tables.items():
        entries += struct.pack(">4sLLL", tag.encode(), 0, at + len(body), len(content))
        body += content
    return magic + struct.pack(">H6x", len(tables)) + entries + body


def name_table(records):
    told, strings = b"", b""
    for (platform, encoding), language, name_id, text in records:
        told += struct.pack(">6H", platform, encoding, language, name_id, len(text), len(strings))
        strings += text
    return struct.pack(">3H", 0, len(records), 6 + len(told)) + told + strings


def os2_table(parts):
    version, length, content, vendor = parts
    return (struct.pack(">H", version) + content[2:58] + vendor + content[62:])[:length]


def fvar_table(parts):
    """Axes and instances; `longer` is how much larger their records are than they must be, and `cut` how much is missing at the end."""
    axes, instances, longer, cut, version, start = parts
    told = b"".join(struct.pack(">4s3l2H", tag, *values, flags, name) + bytes(longer) for tag, values, flags, name in axes)
    for name, values in instances:
        told += struct.pack(f">2H{len(axes)}l", name, 0, *values[: len(axes)]) + bytes(longer)
    head = struct.pack(">L6H", version, start, 2, len(axes), 20 + longer, len(instances), 4 + 4 * len(axes) + longer)
    whole = head + bytes(max(0, start - 16)) + told
    return whole[: len(whole) - cut]


def answers(read):
    """What reading gives: tables, or the error."""
    try:
        return read()
    except Exception as error:
        return type(error), str(error)


def with_fonttools(data):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tables, "_plain", lambda data: raise_unusual())
        return answers(functools.partial(Tables.read, data, 0))


def raise_unusual():
    raise Unusual


@given(RECORDS, OS2, SOME_TABLES)
def test_tables_say_what_fonttools_says(records, os2, others):
    tables = dict.fromkeys(others, b"") | {"name": name_table(records), "OS/2": os2_table(os2)}
    data = file_of(tables)
    assert answers(functools.partial(Tables.read, data, 0)) == with_fonttools(data)


@given(RECORDS, FVAR, st.booleans())
def test_variations_are_what_fonttools_says(records, fvar, named):
    more = [(*record[:2], name_id, record[3]) for record, name_id in zip(records, (256, 257, 17, 300), strict=False)]
    data = file_of({"fvar": fvar_table(fvar)} | ({"name": name_table([*records, *more])} if named else {}))
    assert answers(functools.partial(Tables.read, data, 0)) == with_fonttools(data)


@given(RECORDS, OS2, st.data())
def test_damaged_files_are_judged_by_fonttools(records, os2, data):
    whole = bytearray(file_of({"name": name_table(records), "OS/2": os2_table(os2), "glyf": b""}, data.draw(st.sampled_from([b"OTTO", b"true", b"typ1"]))))
    for at in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=4)):
        whole[at] = data.draw(st.sampled_from([0, 1, 2, 127, 255]))
    damaged = bytes(whole[: data.draw(st.integers(0, len(whole)) | st.just(len(whole)))])
    assert answers(functools.partial(Tables.read, damaged, 0)) == with_fonttools(damaged)


@pytest.mark.parametrize("name", ["amiri", "inter", "cairo"])
def test_an_ordinary_font_needs_no_fonttools(name, font_bytes, monkeypatch):
    data = font_bytes(name)
    expected = with_fonttools(data)
    monkeypatch.setattr("fontTools.ttLib.TTFont", None)
    assert Tables.read(data, 0) == expected
