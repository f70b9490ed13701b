"""Where a daemon's sockets are, and whether anything listens on them."""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path

from fontmill.errors import FontmillError
from fontmill.sockets import CONTROL_SOCKET, EVENTS_SOCKET, MAX_SOCKET_PATH

SOCKET_VARIABLE = "FONTMILL_SOCKET"
SYSTEM_SOCKET = f"/run/fontmill/{CONTROL_SOCKET}"
Identity = tuple[int, int, int]


def default_socket() -> str:
    """The control socket on which a daemon of this user listens when nobody names one.

    In this order: `FONTMILL_SOCKET`; `$XDG_RUNTIME_DIR/fontmill/control.sock`; `/run/fontmill/control.sock`
    for root and for whoever may write that folder; `/tmp/fontmill-UID/control.sock`.
    """
    named = os.environ.get(SOCKET_VARIABLE)
    if named:
        return str(Path(named).absolute())
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and Path(runtime).is_dir():
        return f"{runtime.rstrip('/')}/fontmill/{CONTROL_SOCKET}"
    if os.geteuid() == 0 or os.access("/run/fontmill", os.W_OK):
        return SYSTEM_SOCKET
    return f"/tmp/fontmill-{os.getuid()}/{CONTROL_SOCKET}"  # noqa: S108  the daemon insists on owning the folder


def find_socket() -> str:
    """The control socket a client uses when nobody names one: the user's own daemon, else the system's."""
    own = default_socket()
    if os.environ.get(SOCKET_VARIABLE) or _may_exist(own) or not _may_exist(SYSTEM_SOCKET):
        return own
    return SYSTEM_SOCKET


def _may_exist(path: str) -> bool:
    """Whether there is such a file, also where only others may look: `Endpoint.identity` says then who may not."""
    try:
        return Path(path).exists()
    except PermissionError:
        return True


class Endpoint:
    """One daemon's pair of sockets, seen from a client. Nothing here blocks."""

    def __init__(self, control: str | os.PathLike[str] | None = None) -> None:
        self.control = str(Path(control).absolute()) if control else find_socket()

    @property
    def events(self) -> str:
        """The events socket, which lies beside the control socket."""
        return str(Path(self.control).with_name(EVENTS_SOCKET))

    def identity(self) -> Identity:
        """What tells this socket file from the one a restarted daemon makes. Raises `not-running` or `denied`."""
        if len(os.fsencode(self.events)) > MAX_SOCKET_PATH or len(os.fsencode(self.control)) > MAX_SOCKET_PATH:
            sentence = f"socket: at most {MAX_SOCKET_PATH} bytes fit in the path of a socket."
            raise FontmillError("invalid-argument", sentence, {"field": "socket"})
        try:
            found = Path(self.control).stat()
        except OSError as error:
            raise self._explained(error) from error
        if not stat.S_ISSOCK(found.st_mode):
            raise FontmillError("not-running", f"{self.control} is not a socket.", {"socket": self.control})
        return found.st_dev, found.st_ino, found.st_mtime_ns  # not ctime, which a later chmod changes

    def probe(self) -> Identity:
        """`identity` of a socket on which something listens now. Raises `not-running` or `denied`."""
        identity = self.identity()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knock:
            knock.setblocking(False)
            try:
                knock.connect(self.control)
            except BlockingIOError:
                pass  # a full backlog: something listens, and is busy
            except OSError as error:
                raise self._explained(error) from error
        return identity

    def _explained(self, error: OSError) -> FontmillError:
        details = {"socket": self.control}
        if error.errno in (errno.EACCES, errno.EPERM):
            action = "Ask the operator to add you to the daemon's group, or name your own daemon with --socket."
            return FontmillError("denied", f"You may not use the socket {self.control}.", details, action)
        return FontmillError("not-running", f"No daemon answers on {self.control}.", details)
