"""Talks to systemd's notification socket, when there is one."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable


def notify(state: str) -> None:
    """Send one state line; harmless without systemd."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
        out.connect("\0" + address[1:] if address.startswith("@") else address)
        out.sendall(state.encode())


def notify_ready(call_later: Callable[[float, Callable[[], None]], None]) -> None:
    """Say that we serve, and from now on that the loop turns, twice a watchdog period."""
    notify("READY=1")
    period = int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6
    if period <= 0:
        return

    def ping() -> None:
        notify("WATCHDOG=1")
        call_later(period / 2, ping)

    ping()
