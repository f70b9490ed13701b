"""The event stream: numbered per daemon, kept in a bounded ring so that a client can prove it missed nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from fontmill import wire

RING_EVENTS = 4096
MANY_TOPICS = 64
EventSink = Callable[[str, str | None, Mapping[str, Any]], None]


class Topics:
    """What anybody subscribes to, as an XPUB socket tells it: once a topic for the first who does, once when the last one has left."""

    def __init__(self) -> None:
        self._begin: dict[bytes, None] = {}
        self._within = False

    def told(self, frame: bytes, more: bool = False) -> None:
        """A frame from the socket. `more`: others of its message follow; they are a client's own and tell of no topic."""
        within, self._within = self._within, more
        if not within and frame[:1] == b"\x01":
            self._begin[frame[1:]] = None
        elif not within and frame[:1] == b"\x00":
            self._begin.pop(frame[1:], None)

    def wanted(self, topic: bytes) -> bool:
        """Whether anybody may hear of this topic. With very many subscriptions it is not worth finding out."""
        return len(self._begin) > MANY_TOPICS or topic.startswith(tuple(self._begin))


class EventStream:
    """Numbers and publishes events. `send` takes frames and may drop them: the ring is what is relied on.

    `wanted` tells whether anybody hears a topic; frames of others are not made.
    """

    def __init__(self, boot: str, send: Callable[[list[bytes]], None], wall_clock: Callable[[], float],
                 ring: int = RING_EVENTS, wanted: Callable[[bytes], bool] = lambda topic: True) -> None:
        self.boot = boot
        self.seq = 0
        self._send = send
        self._wanted = wanted
        self._wall_clock = wall_clock
        self._ring: deque[dict[str, Any]] = deque(maxlen=ring)

    def publish(self, kind: str, session: str | None, data: Mapping[str, Any]) -> None:
        """Give an event the next number, keep it and send it."""
        self.seq += 1
        event = {"boot": self.boot, "seq": self.seq, "t": round(self._wall_clock(), 6), "kind": kind,
                 "session": session, "d": dict(data)}
        self._ring.append(event)
        if self._wanted(wire.event_topic(kind, session)):
            self._send(wire.event_frames(event))

    def since(self, boot: str, seq: int, session: str | None = None) -> dict[str, Any]:
        """Events after `seq` of this boot. `complete` is false when some are gone, or the boot is another."""
        same = boot == self.boot
        after = seq if same else 0
        oldest = self._ring[0]["seq"] if self._ring else self.seq + 1
        chosen = [event for event in self._ring if event["seq"] > after and session in (None, event["session"])]
        return {"boot": self.boot, "seq": self.seq, "events": chosen,
                "complete": (same or boot == "") and after + 1 >= oldest}
