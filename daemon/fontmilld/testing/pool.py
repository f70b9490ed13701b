"""Scripted children: processes that are none. They say, hear and die exactly as told; signals are on record."""

from __future__ import annotations

import errno
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from signal import SIGKILL, SIGSEGV, SIGTERM

from fontmilld.pool.messages import BatchDone, FontContext, Message, Ready, RenderTask
from fontmilld.pool.process import Wedged
from fontmilld.pool.vitals import Doing, Pulse
from fontmilld.testing.clock import FakeLoop

_NUMBERS = itertools.count(100_000)


class ScriptedChild:
    """Implements pool.process.Child. `heard` is all it was sent, `signals` all it was sent of that kind.

    It dies of SIGKILL, and of SIGTERM unless `stubborn`; with `undying` of nothing (uninterruptible sleep).
    What it said before its death can still be read, then comes the end, as on a socket.
    """

    def __init__(self, loop: FakeLoop, slot: int = 0) -> None:
        self.pid = next(_NUMBERS)
        self.slot = slot
        self.heard: list[Message] = []
        self.signals: list[int] = []
        self.full = False
        self.stubborn = False
        self.undying = False
        self.closed = False
        self.on_send: Callable[[Message], None] = lambda message: None
        self._loop = loop
        self._fd = next(_NUMBERS)
        self._said: deque[Message | Wedged] = deque()
        self._code: int | None = None

    # As the supervisor sees it -----------------------------------------------------------------------

    def fileno(self) -> int:
        return self._fd

    def send(self, *messages: Message) -> None:
        if self.full:
            raise Wedged("the child's socket is full")
        for message in messages:
            if self._code is None:
                self.heard.append(message)
                self.on_send(message)

    def receive(self) -> list[Message] | None:
        assert not self.closed, "the socket was closed"
        messages: list[Message] = []
        while self._said:
            said = self._said[0]
            if isinstance(said, Wedged):  # like bytes that are no message: they stay in the way
                if messages:
                    return messages
                self._loop.readable(self._fd)
                raise said
            self._said.popleft()
            messages.append(said)
        if messages or self._code is None:
            if self._code is not None:
                self._loop.readable(self._fd)
            return messages
        return None

    def signal(self, number: int) -> None:
        if self._code is not None:
            return
        self.signals.append(number)
        if not self.undying and (number == SIGKILL or (number == SIGTERM and not self.stubborn)):
            self.die(-number)

    def exit_code(self) -> int | None:
        return self._code

    def wait(self, seconds: float) -> int | None:
        return self._code

    def close(self) -> None:
        self.closed = True

    # As the script has it ----------------------------------------------------------------------------

    @property
    def tasks(self) -> list[RenderTask]:
        """The batches it was sent."""
        return [message for message in self.heard if isinstance(message, RenderTask)]

    @property
    def alive(self) -> bool:
        """Whether it has not died."""
        return self._code is None

    def says(self, *messages: Message) -> None:
        """Send messages to the supervisor."""
        self._said.extend(messages)
        self._loop.readable(self._fd)

    def babbles(self) -> None:
        """Send bytes that are not a message."""
        self._said.append(Wedged("the child sent what is not a message"))
        self._loop.readable(self._fd)

    def ready(self) -> None:
        """Have started."""
        self.says(Ready(self.pid))

    def die(self, code: int = -SIGSEGV) -> None:
        """End; negative for a signal."""
        if self._code is None:
            self._code = code
            self._loop.readable(self._fd)


@dataclass
class ScriptedProcesses:
    """Starts children and keeps them all. `auto_ready`: they are ready at once. `refuse` fails so many starts."""

    loop: FakeLoop
    auto_ready: bool = True
    refuse: int = 0
    born: list[ScriptedChild] = field(default_factory=list)
    pulses: dict[int, Pulse] = field(default_factory=dict)
    on_birth: Callable[[ScriptedChild], None] = lambda child: None

    def spawn(self, slot: int) -> ScriptedChild:
        """For Pool."""
        if self.refuse > 0:
            self.refuse -= 1
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        child = ScriptedChild(self.loop, slot)
        self.born.append(child)
        self.on_birth(child)
        if self.auto_ready:
            child.ready()
        return child

    def pulse(self, slot: int) -> Pulse:
        """For Pool."""
        return self.pulses.get(slot, Pulse(0.0, 0, 0, Doing.IDLE))

    def beat(self, slot: int, doing: Doing, serial: int = 0, index: int = 0) -> None:
        """What the worker in a slot last wrote to the shared memory."""
        self.pulses[slot] = Pulse(self.loop.now(), serial, index, doing)

    def living(self, slot: int) -> ScriptedChild:
        """The child in a slot now."""
        return next(child for child in reversed(self.born) if child.slot == slot and child.alive)


def a_context(font_id: str = "font-0", session_id: str = "s", project_path: str = "/out/project") -> FontContext:
    """A context like any other."""
    return FontContext(session_id, font_id, project_path, 100, f"/fonts/{font_id}.ttf", "0" * 64, 0, {}, {})


def blank_done(task: RenderTask) -> BatchDone:
    """A well-formed answer with a made-up line a sample."""
    count = task.last - task.first + 1
    return BatchDone(task.serial, b"{}\n" * count, count, (), 100 * count, {"render": 0.01 * count, "write": 0.0})
