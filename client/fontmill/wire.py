"""The only door to msgpack: frames, envelopes, size caps and versions of protocol FM1.

A message is two frames, `MAGIC` and a msgpack map. No pickle, no ext types, no attribute look-up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgpack  # type: ignore[import-untyped]

from fontmill.errors import FontmillError
from fontmill.sockets import CONTROL_SOCKET as CONTROL_SOCKET  # noqa: PLC0414  here for others, too
from fontmill.sockets import EVENTS_SOCKET as EVENTS_SOCKET  # noqa: PLC0414

MAGIC = b"FM1"
PROTOCOL_VERSION = 1
PROTOCOL_MIN = 1
FEATURES = ("events", "idempotency", "replay")
MAX_REQUEST_BYTES = 8 << 20
MAX_REPLY_BYTES = 64 << 20


def pack(value: Any) -> bytes:
    """Encode JSON-like values and bytes. Raises TypeError for anything else, integers past 64 bits included."""
    try:
        packed: bytes = msgpack.packb(value, use_bin_type=True)
    except (ValueError, OverflowError) as error:
        raise TypeError(f"cannot be sent: {error}") from error
    return packed


def unpack(data: bytes | memoryview, cap: int = MAX_REPLY_BYTES) -> Any:
    """Decode one value of at most `cap` bytes. Raises `bad-frame` or `message-too-large`."""
    if len(data) > cap:
        raise FontmillError("message-too-large", f"The message has {len(data)} bytes; {cap} are allowed.")
    try:
        return msgpack.unpackb(
            data, raw=False, strict_map_key=True, ext_hook=_refuse_ext,
            max_str_len=cap, max_bin_len=cap, max_array_len=1 << 20, max_map_len=1 << 20,
        )
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise FontmillError("bad-frame", "The message body is not valid msgpack.") from error


def _refuse_ext(code: int, data: bytes) -> Any:
    raise ValueError(f"ext type {code} of {len(data)} bytes is not part of the protocol")


@dataclass(frozen=True, slots=True)
class Request:
    """One call: `op` names a verb, `args` are flat, `deadline_ms` bounds the answer, `key` makes it idempotent."""

    id: bytes
    op: str
    args: Mapping[str, Any] = field(default_factory=dict)
    deadline_ms: int | None = None
    key: str | None = None

    def frames(self) -> list[bytes]:
        """The two frames to send."""
        body: dict[str, Any] = {"v": PROTOCOL_VERSION, "id": self.id, "op": self.op, "a": dict(self.args)}
        if self.deadline_ms is not None:
            body["dl"] = self.deadline_ms
        if self.key is not None:
            body["key"] = self.key
        return [MAGIC, pack(body)]


def parse_frames(frames: Sequence[bytes | memoryview], cap: int) -> dict[str, Any]:
    """The body map of a message. Raises `bad-frame`, `message-too-large` or `version-mismatch`."""
    if len(frames) != 2 or bytes(frames[0]) != MAGIC:
        raise FontmillError("bad-frame")
    body = unpack(frames[1], cap)
    if not isinstance(body, dict) or not all(isinstance(key, str) for key in body):
        raise FontmillError("bad-frame", "The message body is not a map with string keys.")
    version = body.get("v")
    if isinstance(version, bool) or not isinstance(version, int):
        raise FontmillError("bad-request", "v: a protocol version is required.")
    if not PROTOCOL_MIN <= version <= PROTOCOL_VERSION:
        raise FontmillError(
            "version-mismatch", f"Protocol version {version} is not spoken here.",
            {"min": PROTOCOL_MIN, "max": PROTOCOL_VERSION},
        )
    return body


def request_id(body: Mapping[str, Any]) -> bytes:
    """The id to answer to, or b"" when the request has no usable one."""
    rid = body.get("id")
    return rid if isinstance(rid, bytes) and len(rid) <= 64 else b""


def parse_request(body: Mapping[str, Any]) -> Request:
    """Validate a request's envelope; argument values are validated by the verb table."""
    rid, op, args = body.get("id"), body.get("op"), body.get("a", {})
    if not isinstance(rid, bytes) or not 1 <= len(rid) <= 64:
        raise FontmillError("bad-request", "id: 1 to 64 bytes are required.")
    if not isinstance(op, str):
        raise FontmillError("bad-request", "op: the name of a verb is required.")
    if not isinstance(args, dict) or not all(isinstance(key, str) for key in args):
        raise FontmillError("bad-request", "a: a map of arguments is required.")
    deadline, key = body.get("dl"), body.get("key")
    if deadline is not None and (isinstance(deadline, bool) or not isinstance(deadline, int) or deadline < 0):
        raise FontmillError("bad-request", "dl: milliseconds as a whole number are required.")
    if key is not None and (not isinstance(key, str) or not 1 <= len(key) <= 128):
        raise FontmillError("bad-request", "key: 1 to 128 characters are required.")
    return Request(rid, op, args, deadline, key)


def ok_reply(rid: bytes, result: Any, seq: int, boot: str) -> list[bytes]:
    """Frames of a positive answer; `seq` is the last event published, so a client can join the stream."""
    return [MAGIC, pack({"v": PROTOCOL_VERSION, "id": rid, "ok": True, "r": result, "seq": seq, "boot": boot})]


def error_reply(rid: bytes, error: FontmillError) -> list[bytes]:
    """Frames of a negative answer."""
    return [MAGIC, pack({"v": PROTOCOL_VERSION, "id": rid, "ok": False, "e": error.to_wire()})]


def reply_result(body: Mapping[str, Any]) -> Any:
    """The result of a reply, or its error raised."""
    if body.get("ok") is True:
        return body.get("r")
    error = body.get("e")
    raise FontmillError.from_wire(error if isinstance(error, Mapping) else {})


def event_topic(kind: str, session: str | None) -> bytes:
    """`SESSION/KIND`, with `-` for events of the daemon itself; a prefix of it can be subscribed to."""
    return f"{session or '-'}/{kind}".encode()


def event_frames(event: Mapping[str, Any]) -> list[bytes]:
    """Frames of one event map (kind, session, boot, seq, t, d)."""
    return [event_topic(event["kind"], event.get("session")), pack({"v": PROTOCOL_VERSION, **event})]


def parse_event(frames: Sequence[bytes]) -> dict[str, Any]:
    """The event map of a published message."""
    if len(frames) != 2:
        raise FontmillError("bad-frame", "An event has two frames.")
    body = unpack(frames[1])
    if not isinstance(body, dict):
        raise FontmillError("bad-frame", "An event is a map.")
    return checked_event(body)


def checked_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event with `boot`, `seq`, `kind`, `session` and `d` of the right types. Raises `bad-frame`."""
    seq, session, data = event.get("seq"), event.get("session"), event.get("d")
    if not isinstance(event.get("boot"), str) or not isinstance(event.get("kind"), str):
        raise FontmillError("bad-frame", "An event has a boot id and a kind.")
    if isinstance(seq, bool) or not isinstance(seq, int) or seq < 1:
        raise FontmillError("bad-frame", "An event has a sequence number of at least 1.")
    if session is not None and not isinstance(session, str):
        raise FontmillError("bad-frame", "An event's session is text or nothing.")
    return {**event, "session": session or None, "d": data if isinstance(data, dict) else {}}
