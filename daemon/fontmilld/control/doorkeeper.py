"""Who may connect to a socket at all: a ZAP handler (RFC 27) that asks the access policy about the kernel's peer.

libzmq asks it for every connection to a socket that names a ZAP domain, and closes those that are refused.
"""

from __future__ import annotations

import contextlib
from typing import Any

import zmq

from fontmilld.control.access import AccessPolicy, Peer

ENDPOINT = "inproc://zeromq.zap.01"
VERSION = b"1.0"
MOST_PER_WAKE = 64


class Doorkeeper:
    """Bind it before the sockets it guards. `socket` is for the loop to watch."""

    def __init__(self, context: zmq.Context[Any], policy: AccessPolicy) -> None:
        self._policy = policy
        self.socket: zmq.Socket[bytes] = context.socket(zmq.REP)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.bind(ENDPOINT)

    def answer(self) -> None:
        """Answer what libzmq asks."""
        with contextlib.suppress(zmq.Again):
            for _ in range(MOST_PER_WAKE):
                self._answer(self.socket.recv_multipart(zmq.DONTWAIT))

    def _answer(self, question: list[bytes]) -> None:
        _version, request, _domain, address, *_rest = question
        admitted = self._policy.role(Peer.from_address(address.decode(errors="replace"))) is not None
        status, text = (b"200", b"OK") if admitted else (b"400", b"denied")
        self.socket.send_multipart([VERSION, request, status, text, b"", b""])

    def close(self) -> None:
        """Nobody is admitted any more."""
        self.socket.close()
