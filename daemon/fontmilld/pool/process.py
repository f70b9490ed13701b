"""The one file that starts and ends processes. Children come from a forkserver and carry one socket each.

The forkserver is started before any thread or ZeroMQ socket exists, so children inherit neither. A child
watches for its parent's death and leaves within milliseconds, whatever killed the parent.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from fontmilld.pool.forking import connection, forkserver, multiprocess, start_server, track_nothing
from fontmilld.pool.listening import use_own_folder
from fontmilld.pool.messages import HEADER, MAX_MESSAGE_BYTES, Message, decode, encode
from fontmilld.store.identity import is_stopped

PRELOAD = ["fontmilld.pool.preload", "fontmilld.pool.preloaded"]
RECEIVE_BYTES = 1 << 16
KEPT_BYTES = 1 << 20
"""A child's buffer may grow to this and stay: memory that is in use already costs no page faults."""
SEND_BYTES = 1 << 20
"""The labels of a batch in few pieces: each wakes the supervisor."""
CHILD_NICENESS = 5
"""The supervisor goes first: on a busy machine it halves the slowest answers (p99 of `status`, bench/control.py)."""


class Wedged(Exception):
    """The child does not take what is sent to it, or sends what is not a message."""


class Child(Protocol):
    """One child process as its owner sees it."""

    pid: int

    def fileno(self) -> int:
        """The fd that becomes readable when the child has said something, or is gone."""

    def send(self, *messages: Message) -> None:
        """Hand messages over without blocking. Raises Wedged."""

    def receive(self) -> list[Message] | None:
        """The messages that are complete now; None when the child has closed its end. Raises Wedged."""

    def signal(self, number: int) -> None:
        """Send a signal; harmless when the child is gone."""

    def exit_code(self) -> int | None:
        """None while it lives; negative when a signal ended it."""

    def wait(self, seconds: float) -> int | None:
        """`exit_code`, waited for at most so long."""

    def close(self) -> None:
        """Let go of the socket."""


class LocalChild:
    """A real process from the forkserver."""

    def __init__(self, process: Any, sock: socket.socket) -> None:
        self._process = process
        self._socket = sock
        self._buffer = bytearray(RECEIVE_BYTES)
        self._filled = 0
        self.pid: int = process.pid
        sock.setblocking(False)

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, *messages: Message) -> None:
        data = b"".join(map(encode, messages))
        try:
            sent = self._socket.send(data)
        except BlockingIOError as error:
            raise Wedged("the child's socket is full") from error
        except OSError:
            return  # the child is gone; its end of the socket says so to `receive`
        if sent != len(data):
            self._finish_sending(data[sent:])

    def _finish_sending(self, rest: bytes) -> None:
        """A message larger than the socket's room: the child is reading, so this takes microseconds."""
        self._socket.settimeout(1.0)
        try:
            self._socket.sendall(rest)
        except TimeoutError as error:
            raise Wedged("the child stopped reading within a message") from error
        except OSError:
            return
        finally:
            self._socket.setblocking(False)

    def receive(self) -> list[Message] | None:
        open_still = self._fill()
        messages = self._complete()
        return messages if messages or open_still else None

    def _fill(self) -> bool:
        """Take what is there; False when the child has closed its end."""
        while True:
            try:
                with memoryview(self._buffer) as buffer:
                    got = self._socket.recv_into(buffer[self._filled :])
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not got:
                return False
            self._filled += got
            if self._filled < len(self._buffer):
                return True
            self._buffer = self._buffer + bytes(len(self._buffer))

    def _complete(self) -> list[Message]:
        messages: list[Message] = []
        start = 0
        while self._filled - start >= HEADER.size:
            (length,) = HEADER.unpack_from(self._buffer, start)
            if length > MAX_MESSAGE_BYTES:
                raise Wedged("the child announced an absurd message")
            end = start + HEADER.size + length
            if self._filled < end:
                break
            with memoryview(self._buffer) as buffer, buffer[start + HEADER.size : end] as body:
                messages.append(self._decode(body))
            start = end
        self._forget(start)
        return messages

    def _forget(self, used: int) -> None:
        """Make room of the first `used` bytes; what follows them, seldom anything, moves to the front."""
        left = self._filled - used
        if used and left:
            self._buffer[:left] = self._buffer[used : self._filled]
        self._filled = left
        if not left and len(self._buffer) > KEPT_BYTES:
            self._buffer = bytearray(RECEIVE_BYTES)

    @staticmethod
    def _decode(body: memoryview) -> Message:
        try:
            return decode(body)
        except Exception as error:
            raise Wedged("the child sent what is not a message") from error

    def signal(self, number: int) -> None:
        if self.exit_code() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def exit_code(self) -> int | None:
        code: int | None = self._process.exitcode
        return code

    def wait(self, seconds: float) -> int | None:
        """The exit code, waited for at most so long: it comes through the forkserver a moment later."""
        connection.wait([self._process.sentinel], seconds)
        return self.exit_code()

    def close(self) -> None:
        self._socket.close()


class Launcher:
    """Starts children. Create it first thing in the daemon, before threads and sockets.

    `launch` waits until the server has imported what children need; `ready` is a descriptor that is readable from then on.
    """

    def __init__(self) -> None:
        # A picture-sized matrix product must not start a thread a core in every worker.
        for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
            os.environ[name] = "1"
        os.environ["PYTHONSAFEPATH"] = "1"  # no process below imports what lies in the folder that the daemon was started in
        use_own_folder()
        self.context = multiprocess.get_context("forkserver")
        track_nothing()
        self.context.set_forkserver_preload(PRELOAD)
        self.ready = start_server()

    def launch(self, main: Callable[..., None], *args: Any, stack_file: str = "") -> LocalChild:
        """Start `main(socket, *args)` in a new child. `stack_file` receives its stack on SIGUSR1.

        Raises OSError, with a sentence, when that is not possible now.
        """
        _refuse_if_stopped()
        ours, theirs = socket.socketpair()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)  # the kernel gives what it allows
        process = self.context.Process(target=_child, args=(main, theirs, args, stack_file), daemon=True)
        try:
            process.start()
        except EOFError as error:
            ours.close()
            raise OSError("the process that starts them ended: it may not have had room for another process or its memory") from error
        finally:
            theirs.close()
        return LocalChild(process, ours)

    def close(self) -> None:
        """Let the forkserver go on if it was stopped: the end of the children is heard through it."""
        if (pid := _forkserver_pid()) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def _forkserver_pid() -> int | None:
    pid: int | None = forkserver._forkserver._forkserver_pid
    return pid


def _refuse_if_stopped() -> None:
    """Raise OSError where the forkserver is stopped: asked for a child, it would answer when it is let go on, perhaps never."""
    if (pid := _forkserver_pid()) is not None and is_stopped(pid):
        raise OSError(f"the process that starts them, {pid}, is stopped; `kill -CONT {pid}` lets it go on")


def _child(main: Callable[..., None], sock: socket.socket, args: tuple[Any, ...], stack_file: str) -> None:
    os.nice(CHILD_NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _leave_with_parent()
    _leave_stack_on_request(stack_file)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        main(ChildEnd(sock), *args)


def _leave_with_parent() -> None:
    parent = multiprocess.process.parent_process()
    assert parent is not None

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(0)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def _leave_stack_on_request(stack_file: str) -> None:
    if stack_file:
        # Never closed: faulthandler writes to the fd from a signal handler as long as the process lives.
        out = Path(stack_file).open("w")  # noqa: SIM115
        faulthandler.register(signal.SIGUSR1, file=out, all_threads=True)


class ChildEnd:
    """The child's end of the socket: blocking, one message at a time."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(True)
        self._socket = sock
        self._reader = sock.makefile("rb")

    def send(self, *messages: Message) -> None:
        """Hand messages to the supervisor; blocks until they are taken."""
        self._socket.sendall(b"".join(map(encode, messages)))

    def receive(self) -> Message | None:
        """The next message, or None when the supervisor is gone."""
        header = self._reader.read(HEADER.size)
        if len(header) < HEADER.size:
            return None
        (length,) = HEADER.unpack(header)
        body = self._reader.read(length)
        return decode(body) if len(body) == length else None
