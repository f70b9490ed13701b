"""Live views of sessions: bars on a terminal, lines or JSON when asked for, else nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Protocol

from fontmill.cli.output import Output
from fontmill.cli.text import clean, facts, settled, state, status_line, whole

Map = Mapping[str, Any]
LINE_EVERY = 1.0


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
    """A line at most every second: JSON on stdout, or text on stderr."""

    def __init__(self, output: Output) -> None:
        self._output, self._next = output, 0.0

    def update(self, status: Map) -> None:
        """Print the status unless a line was printed just now."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + LINE_EVERY
        if self._output.as_json:
            self._output.emit(status)
        else:
            self._output.note(status_line(status))

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


class Looking:
    """While fonts are looked at, a terminal shows for how long; one line says so where lines are asked for."""

    def __init__(self, output: Output, lines: bool) -> None:
        self._output, self._began, self._shown = output, time.monotonic(), 0
        if lines and not output.live and not output.as_json:
            output.note("looking at the fonts ...")

    def tick(self) -> None:
        """To be called several times a second."""
        seconds = int(time.monotonic() - self._began)
        if self._output.live and seconds > self._shown:
            self._shown = seconds
            self._output.draw(f"looking at the fonts ... {seconds} s")

    def close(self) -> None:
        """Wipe the line."""
        if self._shown:
            self._output.draw("")


def view(output: Output, lines: bool) -> View:
    """The view that fits where the output goes."""
    if output.live:
        return Bars()
    return Lines(output) if lines else Quiet()
