"""Live views of sessions: bars on a terminal, lines or JSON when asked for, else nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol, Self

from fontmill.cli.output import Output
from fontmill.cli.text import clean, facts, settled, state, status_line, whole
from fontmill.errors import FontmillError

if TYPE_CHECKING:
    from fontmill.client import Client

Map = Mapping[str, Any]
LINE_EVERY = 1.0
ANSWER_WITHIN = 0.5
PRESENT = 2**62
"""A mark that no event is behind: what was told before is not asked for."""


class View(Protocol):
    """Shows how sessions go."""

    def update(self, status: Map) -> None:
        """Show the newest status object of a session."""

    def close(self) -> None:
        """Leave the terminal as it was, with the last state on it."""


class Quiet:
    """Shows nothing."""

    def update(self, status: Map) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Lines:
    """A line at most every second: JSON on stdout, or text on stderr, the same one only once."""

    def __init__(self, output: Output) -> None:
        self._output, self._next, self._shown = output, 0.0, ""

    def update(self, status: Map) -> None:
        """Print the status unless a line was printed just now."""
        if monotonic() < self._next:
            return
        self._next = monotonic() + LINE_EVERY
        if self._output.as_json:
            self._output.emit(status)
        elif (line := status_line(status)) != self._shown:
            self._shown = line
            self._output.note(line)

    def close(self) -> None:
        """Nothing."""


class Bars:
    """A bar a session, on stderr."""

    def __init__(self) -> None:
        from rich.console import Console, ConsoleDimensions  # noqa: PLC0415  only a terminal pays for it
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415
        from rich.table import Column  # noqa: PLC0415

        class Margin(Console):
            """Leaves room for the `^C` that a terminal echoes: it must not begin a new line."""

            @property  # type: ignore[misc]  # nobody sets it
            def size(self) -> ConsoleDimensions:
                full = super().size
                return ConsoleDimensions(max(full.width - 3, 20), full.height)

        console = Margin(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(bar_width=min(40, max(8, console.width // 6))), MofNCompleteColumn(),
            TextColumn("{task.fields[facts]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
            console=console, redirect_stdout=False, redirect_stderr=True, refresh_per_second=5, expand=True,
        )
        self._tasks: dict[str, Any] = {}
        self._progress.start()

    def update(self, status: Map) -> None:
        """Move the session's bar."""
        session = str(status.get("session_id", ""))
        if session not in self._tasks:
            name = clean(status.get("project_name") or session)
            self._tasks[session] = self._progress.add_task(name, total=None, facts="")
        self._progress.update(
            self._tasks[session], completed=settled(status), total=whole(status, "total_samples") or None,
            facts=facts(status) if status.get("status") == "active" else f"{state(status)}, {facts(status)}", refresh=status.get("status") != "active",
        )

    def close(self) -> None:
        """Stop redrawing."""
        self._progress.stop()


class Lasting:
    """While a command works on something for long, a terminal shows what, for how long, and how far it is.

    With `lines` one line says what, also where there is no terminal. `far` is asked once a second.
    """

    def __init__(self, output: Output, what: str, lines: bool = False, far: Callable[[], str] = lambda: "") -> None:
        self._output, self._what, self._far = output, what, far
        self._began, self._shown = monotonic(), 0
        if lines and not output.live and not output.as_json:
            output.note(f"{what} ...")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def tick(self) -> None:
        """To be called several times a second."""
        seconds = int(monotonic() - self._began)
        if self._output.live and seconds > self._shown:
            self._shown = seconds
            self._output.draw(" ".join([f"{self._what} ...", self._far(), f"{seconds} s"]).replace("  ", " "))

    def close(self) -> None:
        """Wipe the line."""
        if self._shown:
            self._output.draw("")


@contextmanager
def lasting(client: Client, output: Output, what: str, far: Callable[[], str] = lambda: "") -> Iterator[None]:
    """While `client` waits within it, a terminal shows what it waits for. See `Lasting`."""
    alive = client.tick
    with Lasting(output, what, far=far) as shown:
        def tick() -> None:
            if alive is not None:
                alive()
            shown.tick()

        client.tick = tick
        try:
            yield
        finally:
            client.tick = alive


class Heard:
    """How far work on a project is, by the events that the daemon tells of it.

    `kind` is that of the events, `named` a session or the folder of its project, `show` makes words of one's data.
    """

    def __init__(self, socket: str, kind: str, named: str, show: Callable[[Map], str]) -> None:
        from fontmill.client import Client  # noqa: PLC0415  only a terminal pays for it

        self._client = Client(socket, timeout=ANSWER_WITHIN)
        self._kind, self._named, self._show = kind, named, show
        self._boot, self._seq, self._told = "", 0, ""

    def far(self) -> str:
        """The newest of it in words; what was told before when the daemon does not answer."""
        try:
            if not self._boot:
                self._boot, self._seq = str(self._client.ping().get("boot", "")), PRESENT
            answer = self._client.events(self._boot, self._seq)
        except FontmillError:
            return self._told
        self._boot, self._seq = str(answer.get("boot", "")), whole(answer, "seq")
        for event in answer.get("events") or ():
            if event.get("kind") == self._kind and self._about(event):
                self._told = self._show(event["d"])
        return self._told

    def _about(self, event: Map) -> bool:
        if self._named.startswith("/"):
            return bool(event["d"].get("project_path") == os.path.realpath(self._named))
        return str(event.get("session")).startswith(self._named)

    def close(self) -> None:
        """Leave the daemon."""
        self._client.close()


def view(output: Output, lines: bool) -> View:
    """The view that fits where the output goes."""
    if output.live:
        return Bars()
    return Lines(output) if lines else Quiet()
