"""A daemon whose workers draw and write nothing: each waits as long as drawing would take and answers well-formed labels."""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import MutableSequence

from fontmill.model import Record
from fontmilld.core.labels import label_line
from fontmilld.pool.messages import BatchDone, FontContext, Ready, RenderTask, Stop
from fontmilld.pool.process import ChildEnd, Launcher, LocalChild
from fontmilld.pool.vitals import Doing, Vitals
from fontmilld.testing.export import label

LINE_BYTES = 1100  # what a label of a `plain` pair has


def idle_main(end: ChildEnd, array: MutableSequence[int], slot: int, rate: float) -> None:
    """Serve batches at `rate` samples a second until told to stop."""
    vitals = Vitals(array, slot)
    vitals.beat(Doing.IDLE)
    end.send(Ready(os.getpid()))
    since = time.perf_counter()
    message: Record | None
    while not isinstance(message := end.receive(), Stop | None):
        if isinstance(message, FontContext) or not isinstance(message, RenderTask):
            continue
        waited, count = time.perf_counter() - since, message.last - message.first + 1
        vitals.beat(Doing.DRAWING, message.serial, message.first)
        time.sleep(count / rate)
        lines = b"".join(line(index) for index in range(message.first, message.last + 1))
        end.send(BatchDone(message.serial, lines, count, (), 11_000 * count, {"draw": count / rate, "wait": min(1.0, waited)}))
        vitals.beat(Doing.IDLE)
        since = time.perf_counter()


@functools.lru_cache(maxsize=1)
def rest_of_line() -> bytes:
    """What follows the names in every line: a label as the renderer's, padded to the usual length."""
    made = label_line(1, "", "", {**label("x", 1), "padding": ""})
    made = label_line(1, "", "", {**label("x", 1), "padding": "x" * max(0, LINE_BYTES - len(made) - 60)})
    return made[made.index(b',"clear_bytes"'):]


def line(index: int) -> bytes:
    """A label line of the usual length."""
    names = f'{{"index":{index},"clear_file_name":"images/x_{index}_clear.png","blurred_file_name":"images/x_{index}_blurred.png"'
    return names.encode() + rest_of_line()


def main(argv: list[str]) -> int:
    """idleworker.py RATE FONTMILLD-OPTIONS... : serve as fontmilld does."""
    rate, options = float(argv[0]), argv[1:]
    launcher = Launcher()
    from fontmilld import app, cli

    def spawn(self: app.Daemon, slot: int) -> LocalChild:
        return launcher.launch(functools.partial(idle_main, rate=rate), self._array, slot)

    app.Daemon._spawn_worker = spawn  # type: ignore[method-assign]
    return cli.main(options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
