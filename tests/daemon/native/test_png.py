"""PNG files of the compiled core: every reader gets the same pixels back, and every machine makes the same bytes."""

import hashlib
import io
import zlib

import deflate
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fontmilld.native import core
from fontmilld.render import encode

if core is None:
    pytest.skip("core was not compiled", allow_module_level=True)

# Of the files of `scenes`. Another value here is another number in encode.ENCODER, and another REVISION.
BYTES = "46aa472fed7a9dcf9858385c73a5b55530255cf2476f58f363820cabd4e1fc46"


def rows_of(values, channels):
    """Rows as encode.lines makes them, of (rows, cols * channels) whole numbers, taken modulo 256."""
    values = (np.asarray(values) & 255).astype(np.uint8)
    return encode.lines(values if channels == 1 else values.reshape(len(values), -1, 3))


def chunks(file):
    at = 8
    while at < len(file):
        size = int.from_bytes(file[at : at + 4])
        assert zlib.crc32(file[at + 4 : at + 8 + size]) == int.from_bytes(file[at + 8 + size : at + 12 + size])
        yield file[at + 4 : at + 8], file[at + 8 : at + 8 + size]
        at += 12 + size


def check(rows, channels):
    """Return the compressed bytes of a file that zlib, libdeflate and Pillow read."""
    file = core.png(rows, channels)
    assert core.png(rows, channels) == file
    named = [*chunks(file)]
    assert [name for name, _ in named] == [b"IHDR", b"IDAT", b"IEND"]
    data = named[1][1]
    lines = zlib.decompress(data)
    assert bytes(deflate.zlib_decompress(data, rows.size)) == lines
    assert {lines[at] for at in range(0, rows.size, rows.shape[1])} in ({0}, {4})
    with Image.open(io.BytesIO(file)) as image:
        assert image.mode == {1: "L", 3: "RGB"}[channels]
        assert (np.asarray(image).reshape(rows.shape[0], -1) == rows[:, 1:]).all()
    # Never much more than the bytes as they are.
    assert len(data) <= rows.size + 6 * (rows.size // 32000 + 2) + 6
    return data


def scenes(channels, height, width):
    """Pictures of every kind, made of whole numbers only."""
    row, col = np.mgrid[0:height, 0 : width * channels].astype(np.int64)
    hashed = ((row * 7919 + col + 1) * 2654435761 % 2**32 >> 13) & 255
    return {
        "noise": hashed,
        "flat": hashed * 0 + 255,
        "smooth": row * 3 + col // 2,
        "smooth and noisy": row * 3 + col // 2 + hashed % 5,
        "like text": np.where((col // 9 + row // 11) % 3 == 0, 0, 255),
        "dots": np.where(hashed < 3, hashed * 80, 255),
        "cut off": np.minimum(250 + hashed % 13, 255),
    }


SIZES = ((1, 1), (1, 2), (7, 5), (64, 256), (61, 333), (300, 500))


def test_the_bytes_are_the_same_on_every_machine():
    digest = hashlib.sha256()
    for channels in (1, 3):
        for size in SIZES:
            for scene in scenes(channels, *size).values():
                digest.update(core.png(rows_of(scene, channels), channels))
    assert digest.hexdigest() == BYTES


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", SIZES)
def test_every_reader_gets_the_pixels(size, channels):
    for scene in scenes(channels, *size).values():
        check(rows_of(scene, channels), channels)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from((1, 3)), st.integers(1, 80), st.integers(1, 80), st.integers(0, 2**32 - 1),
    st.sampled_from((1, 2, 3, 17, 256)), st.sampled_from((1, 2, 9, 40, 300, 3000)), st.booleans(),
)
def test_every_reader_gets_any_pixels(channels, height, width, seed, values, run, is_tiled):
    """Runs of about `run` bytes of `values` values; rows that repeat where `is_tiled`, but for a dot here and there."""
    dice = np.random.default_rng(seed)
    size = height * width * channels
    lengths = dice.geometric(1 / run, size)
    found = np.repeat(dice.integers(0, 256, values)[dice.integers(0, values, size)], lengths)[:size].reshape(height, -1)
    if is_tiled:
        found = np.where(dice.random(found.shape) < 1 / run, found, found[:1])
    check(rows_of(found, channels), channels)


@pytest.mark.parametrize("channels", [1, 3])
def test_runs_of_every_length_at_either_distance(channels):
    dice = np.random.default_rng(channels)
    along, down = [], []
    for length in (*range(1, 300), 515, 516, 517, 518, 519, 774, 775, 1000):
        head = dice.integers(0, 256, 12 * channels)
        along.append(np.resize(np.concatenate([head, np.resize(head[-channels:], length), head]), 1200))
        upper, lower = dice.integers(0, 256, (2, 1200))
        lower[7 : 7 + length] = upper[7 : 7 + length]
        down += [upper, lower]
    check(rows_of(along, channels), channels)
    check(rows_of(down, channels), channels)


def test_codes_that_want_longer_words_than_they_may_have():
    # Frequencies like Fibonacci numbers make the deepest trees.
    counts = [1, 1]
    while sum(counts) < 60_000:
        counts.append(counts[-1] + counts[-2])
    for step in (1, 7, 11):
        values = np.repeat(np.arange(len(counts)) * step % 256, counts)
        np.random.default_rng(step).shuffle(values)
        check(rows_of(values[: len(values) // 200 * 200].reshape(-1, 200), 1), 1)


@pytest.mark.parametrize(("height", "width", "channels"), [(4096, 4096, 1), (300, 4096, 3), (2, 40_000, 1), (3, 11_000, 3), (9000, 1, 3)])
def test_large_pictures(height, width, channels):
    """More than one block, more tokens than fit into one, and rows farther apart than deflate reaches."""
    row, col = np.ogrid[0:height, 0 : width * channels]
    row, col = row.astype(np.int32), col.astype(np.int32)
    busy = (col * 37 + row * 5) % 251 // 9
    for scene in (np.where(row % 64 < 20, busy, 255), (col // 10 * 40503 + row // 16) >> 3):
        check(rows_of(scene, channels), channels)


def test_files_of_text_are_smaller_than_those_of_libdeflate():
    row, col = np.mgrid[0:64, 0:256]
    ink = (row > 20) & (row < 44) & (col > 20) & (col < 230) & ((col // 5 + row // 12) % 2 == 0)
    noise = np.random.default_rng(0).normal(0, 3, (64, 256)).round().astype(int)
    for scene in (np.where(ink, 0, 255), np.clip(np.where(ink, 0, 255) + noise, 0, 255), np.clip(np.where(ink, 60, 170) + col // 8 + noise, 0, 255)):
        rows = rows_of(scene, 1)
        assert len(check(rows, 1)) < 1.02 * len(deflate.zlib_compress(rows.tobytes(), 1))


@pytest.mark.parametrize(("rows", "channels"), [
    (np.zeros((2, 4), np.uint8), 2), (np.zeros((2, 4), np.uint8), 0), (np.zeros((2, 4), np.uint8), -3), (np.zeros((2, 5), np.uint8), 3),
    (np.zeros((2, 1), np.uint8), 1), (np.zeros((2, 3), np.uint8), 3), (np.zeros((0, 4), np.uint8), 1), (np.zeros((2, 0), np.uint8), 1),
    (np.zeros(8, np.uint8), 1), (np.zeros((2, 4, 1), np.uint8), 1), (np.zeros((2, 4), np.uint16), 1), (np.zeros((4, 8), np.uint8)[:, ::2], 1),
    (np.ones((2, 4), np.uint8), 1), (np.zeros((2, 4), np.uint8).T, 1), (bytes(8), 1), (np.eye(2, 4, dtype=np.uint8) * 4, 1),
])
def test_what_is_no_picture_is_refused(rows, channels):
    with pytest.raises((ValueError, BufferError)):
        core.png(rows, channels)


def test_what_is_no_buffer_is_refused():
    with pytest.raises(TypeError):
        core.png([[0, 1]], 1)
    with pytest.raises(TypeError):
        core.png(np.zeros((2, 4), np.uint8))
