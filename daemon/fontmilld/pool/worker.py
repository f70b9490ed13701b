"""The render process: takes batches, draws pairs, writes them, answers with labels. Holds no state that counts."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator, MutableSequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import cv2

from fontmill.errors import FontmillError
from fontmill.model import Damage
from fontmilld import native
from fontmilld.core import layout
from fontmilld.core.labels import read_claim
from fontmilld.core.pacing import backoff
from fontmilld.pool.messages import (
    BatchDone,
    BatchFailed,
    CheckDone,
    CheckTask,
    FontContext,
    Ready,
    RedrawDone,
    RedrawTask,
    RenderTask,
    Stop,
)
from fontmilld.pool.openfonts import OpenFont, OpenFonts, session_of
from fontmilld.pool.process import ChildEnd
from fontmilld.pool.vitals import Doing, Vitals
from fontmilld.render.faces import FontProblem
from fontmilld.render.pair import RenderedPair, SampleFailure
from fontmilld.render.stages import StageClock
from fontmilld.store import journal
from fontmilld.store.checking import Check, CheckResult, run_check
from fontmilld.store.files import LocalTree
from fontmilld.store.tree import ImageFolder, Tree

WRITE_ATTEMPTS = 3


def worker_main(end: ChildEnd, array: MutableSequence[int], slot: int) -> None:
    """Serve until told to stop, or until the supervisor is gone."""
    cv2.setNumThreads(1)
    vitals = Vitals(array, slot)
    worker = Worker(vitals)
    vitals.beat(Doing.IDLE)
    end.send(Ready(os.getpid(), without_core=native.WITHOUT))
    while not isinstance(message := end.receive(), Stop | None):
        if isinstance(message, FontContext):
            worker.learn(message)
            continue
        if isinstance(message, RenderTask):
            end.send(worker.render(message))
        elif isinstance(message, CheckTask):
            end.send(worker.check(message))
        elif isinstance(message, RedrawTask):
            end.send(worker.redraw(message))
        vitals.beat(Doing.IDLE)


@dataclass(slots=True)
class BatchTally:
    """What a batch has produced so far."""

    lines: list[bytes] = field(default_factory=list)
    failures: list[tuple[int, str, str]] = field(default_factory=list)
    written: int = 0
    retries: int = 0


def open_tree(path: str) -> Tree:
    """The project tree on the real disk."""
    return LocalTree(path)


class Worker:
    """Draws batches. `opener` gives the tree of a project, so that tests can hand in a faulty one."""

    def __init__(self, vitals: Vitals, opener: Callable[[str], Tree] = open_tree,
                 sleep: Callable[[float], None] = time.sleep) -> None:
        self._vitals = vitals
        self._opener = opener
        self._sleep = sleep
        self._clock = StageClock()
        self._contexts: dict[tuple[str, str], FontContext] = {}
        self._fonts = OpenFonts(opener, self._clock)

    def learn(self, context: FontContext) -> None:
        """Remember the latest context of a font; the supervisor sends it before the font's batches."""
        self._contexts = {(context.session_id, context.font_id): context}

    def render(self, task: RenderTask) -> BatchDone | BatchFailed:
        """Draw and write one batch. A failure of one sample is recorded; of font or storage, it ends the batch."""
        self._clock.waited()
        try:
            self._vitals.beat(Doing.OPENING, task.serial)
            context = self._contexts[task.session_id, task.font_id]
            with self._folder(context) as folder:
                tally = self._draw_all(self._fonts.open(context), folder, task)
        except FontmillError as error:
            return BatchFailed(task.serial, error.slug, error.message, error.details)
        except FontProblem as problem:
            return BatchFailed(task.serial, problem.slug, problem.reason)
        return BatchDone(task.serial, b"".join(tally.lines), len(tally.lines), tuple(tally.failures),
                         tally.written, self._clock.take(), tally.retries)

    @contextmanager
    def _folder(self, context: FontContext) -> Iterator[ImageFolder]:
        """Where the pictures of one batch go. Opened for each: the path may name another folder by now (I7)."""
        tree = self._opener(context.project_path)
        try:
            folder = tree.dir(layout.images_dir(context.font_id))
        finally:
            tree.close()
        try:
            yield folder
        finally:
            folder.close()

    def check(self, task: CheckTask) -> CheckDone | BatchFailed:
        """Hold a part of a font's labels against the tree; `deep` draws every pair of it again."""
        context = self._contexts[task.session_id, task.font_id]
        beat = self._vitals.beat
        beat(Doing.CHECKING, task.serial)
        try:
            tree = self._opener(context.project_path)
            try:
                session = session_of(context)
                result = run_check(
                    tree, session.fonts[0], session.config, Check(task.font_id, task.start, task.end),
                    "quick" if task.level == "quick" else "full", lambda _: beat(Doing.CHECKING, task.serial))
                if task.level == "deep":
                    result = self._redraw(tree, context, task, result)
            finally:
                tree.close()
        except FontmillError as error:
            return BatchFailed(task.serial, error.slug, error.message, error.details)
        except FontProblem as problem:
            return BatchFailed(task.serial, problem.slug, problem.reason)
        return CheckDone(task.serial, result.to_dict())

    def redraw(self, task: RedrawTask) -> RedrawDone | BatchFailed:
        """Draw one pair and hand it back; nothing is written."""
        try:
            self._vitals.beat(Doing.OPENING, task.serial)
            font = self._fonts.open(self._contexts[task.session_id, task.font_id])
            self._vitals.beat(Doing.DRAWING, task.serial, task.index)
            pair = font.renderer.render(task.index)
            if isinstance(pair, SampleFailure):
                return RedrawDone(task.serial, slug=pair.slug, reason=pair.reason)
            drawn = font.drawn(pair)
        except FontmillError as error:
            return BatchFailed(task.serial, error.slug, error.message, error.details)
        except FontProblem as problem:
            return BatchFailed(task.serial, problem.slug, problem.reason)
        return RedrawDone(task.serial, drawn.files, drawn.line)

    def _redraw(self, tree: Tree, context: FontContext, task: CheckTask, result: CheckResult) -> CheckResult:
        """Whether each line is what drawing its sample gives now, byte for byte (I2)."""
        font = self._fonts.open(context)
        name = layout.samples_file(context.font_id)
        known = {found["index"] for found in result.damaged}
        differs: list[Damage] = []
        for _, line in journal.lines(tree, name, task.start, task.end):
            claim = read_claim(line)
            if claim is None or claim.index in known:
                continue
            self._vitals.beat(Doing.CHECKING, task.serial, claim.index)
            pair = font.renderer.render(claim.index)
            if isinstance(pair, SampleFailure) or font.drawn(pair).line != line:
                differs.append(Damage(name, "redraws-differently", context.font_id, claim.index))
        return replace(result, damaged=(*result.damaged, *(damage.to_dict() for damage in differs)))

    def _draw_all(self, font: OpenFont, folder: ImageFolder, task: RenderTask) -> BatchTally:
        tally = BatchTally()
        beat, serial = self._vitals.beat, task.serial
        outcomes = font.renderer.render_range(task.first, task.last, lambda index: beat(Doing.DRAWING, serial, index))
        for outcome in outcomes:
            if isinstance(outcome, SampleFailure):
                tally.failures.append((outcome.index, outcome.slug, outcome.reason))
            else:
                beat(Doing.WRITING, serial, outcome.index)
                self._keep(font, folder, outcome, tally)
                self._clock.wrote()
        return tally

    def _keep(self, font: OpenFont, folder: ImageFolder, pair: RenderedPair, tally: BatchTally) -> None:
        """Write the images, then claim them with a line: a line is never ahead of its pictures (I1)."""
        drawn = font.drawn(pair)
        self._clock.lap("encode")
        self._clock.writing()
        try:
            for name, data in drawn.files.items():
                self._write(folder, name, data, tally)
        except FontmillError as error:
            if not error.kind.retryable:
                raise
            tally.failures.append((pair.index, error.slug, error.message))
        else:
            tally.lines.append(drawn.line)
            tally.written += sum(map(len, drawn.files.values()))

    def _write(self, folder: ImageFolder, name: str, data: bytes, tally: BatchTally) -> None:
        for attempt in range(WRITE_ATTEMPTS):
            try:
                folder.write(name, data)
            except FontmillError as error:
                if not error.kind.retryable or attempt == WRITE_ATTEMPTS - 1:
                    raise
                tally.retries += 1
                self._sleep(backoff(attempt, random.random()))
            else:
                return
