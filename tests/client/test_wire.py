"""The frames: everything round-trips, and nothing that arrives raises anything but FontmillError."""

from __future__ import annotations

import contextlib
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fontmill import wire
from fontmill.errors import FontmillError

scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=20) | st.binary(max_size=20)
values = st.recursive(scalars, lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text(max_size=8), v, max_size=4), max_leaves=12)
maps = st.dictionaries(st.text(max_size=8), values, max_size=5)
envelope = st.fixed_dictionaries({}, optional={
    "v": values, "id": values, "op": values, "a": values, "dl": values, "key": values, "ok": values, "e": values,
    "r": values, "seq": values, "boot": values, "kind": values, "session": values, "d": values,
})


def anything_raised(body: Any) -> None:
    """Put a body through every parser; what they raise must be a FontmillError."""
    frames = [wire.MAGIC, body if isinstance(body, bytes) else msgpack.packb(body)]
    with contextlib.suppress(FontmillError):
        parsed = wire.parse_frames(frames, wire.MAX_REQUEST_BYTES)
        wire.request_id(parsed)
        with contextlib.suppress(FontmillError):
            wire.parse_request(parsed)
        with contextlib.suppress(FontmillError):
            wire.reply_result(parsed)
    with contextlib.suppress(FontmillError):
        wire.parse_event(frames)


@given(st.binary(max_size=200))
def test_rubbish_raises_only_fontmill_errors(data: bytes) -> None:
    anything_raised(data)


@given(values)
def test_any_msgpack_raises_only_fontmill_errors(value: Any) -> None:
    anything_raised(value)


@given(envelope)
def test_any_envelope_raises_only_fontmill_errors(body: dict[str, Any]) -> None:
    anything_raised({"v": 1, **body})
    anything_raised(body)


@given(st.fixed_dictionaries({}, optional={"n": values, "m": values, "d": values, "action": values, "after": values}))
def test_any_error_map_becomes_an_error(error: dict[str, Any]) -> None:
    with pytest.raises(FontmillError) as caught:
        wire.reply_result({"ok": False, "e": error})
    wire.pack(caught.value.to_wire())


@given(st.lists(st.binary(max_size=8), max_size=4))
def test_wrong_framing_is_a_bad_frame(frames: list[bytes]) -> None:
    with pytest.raises(FontmillError) as caught:
        wire.parse_frames(frames, 100)
    assert caught.value.slug in ("bad-frame", "bad-request", "version-mismatch")


@given(st.binary(min_size=1, max_size=64), st.text(max_size=20), maps, st.none() | st.integers(0, 2**40), st.none() | st.text(min_size=1, max_size=128))
def test_request_round_trip(rid: bytes, op: str, args: dict[str, Any], deadline: int | None, key: str | None) -> None:
    request = wire.Request(rid, op, args, deadline, key)
    assert wire.parse_request(wire.parse_frames(request.frames(), wire.MAX_REQUEST_BYTES)) == request


@given(values)
def test_reply_round_trip(result: Any) -> None:
    body = wire.parse_frames(wire.ok_reply(b"id", result, 7, "boot"), wire.MAX_REPLY_BYTES)
    assert (wire.reply_result(body), body["seq"], body["boot"], wire.request_id(body)) == (result, 7, "boot", b"id")


def test_event_round_trip() -> None:
    event = {"boot": "b", "seq": 3, "t": 1.0, "kind": "batch", "session": "s", "d": {"n": 1}}
    frames = wire.event_frames(event)
    assert frames[0] == b"s/batch"
    assert wire.parse_event(frames) == {"v": 1, **event}


@pytest.mark.parametrize(("body", "slug"), [
    ({"v": 2}, "version-mismatch"), ({}, "bad-request"), ({"v": True}, "bad-request"), ([], "bad-frame"),
])
def test_versions(body: Any, slug: str) -> None:
    with pytest.raises(FontmillError) as caught:
        wire.parse_frames([wire.MAGIC, msgpack.packb(body)], 100)
    assert caught.value.slug == slug


def test_size_cap() -> None:
    with pytest.raises(FontmillError) as caught:
        wire.unpack(b"\xc4\xff" + bytes(255), 100)
    assert caught.value.slug == "message-too-large"


def test_ext_types_are_refused() -> None:
    with pytest.raises(FontmillError):
        wire.unpack(msgpack.packb(msgpack.ExtType(1, b"x")))
    with pytest.raises(FontmillError):
        wire.unpack(b"\xdd\x00\x10\x00\x00" * 1000)


@pytest.mark.parametrize("value", [2**64, object(), {1, 2}, "\ud800"])
def test_what_cannot_be_sent_is_a_type_error(value: Any) -> None:
    with pytest.raises(TypeError):
        wire.pack(value)
