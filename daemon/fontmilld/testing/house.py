"""House: manager, sessions and pool as in the daemon, over a simulated disk, scripted children and a fake clock."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fontmill.errors import FontmillError
from fontmill.model import ExportConfig, ExportSession, FontProgress, Part
from fontmill.vocabulary import EVENTS
from fontmilld.core import layout
from fontmilld.core.labels import label_line
from fontmilld.intake import StartRequest
from fontmilld.manager import PersistentExportManager
from fontmilld.opening import OpenTree
from fontmilld.outside import CheckedOutput, Opening
from fontmilld.pool.messages import (
    BatchDone,
    BatchFailed,
    FontContext,
    Message,
    ProbeDone,
    RenderTask,
    SheetDone,
)
from fontmilld.pool.pool import HangLimits, Pool
from fontmilld.pool.vitals import Doing
from fontmilld.session import ManagedSession
from fontmilld.store import writer as reports
from fontmilld.store.exporter import create_project_structure
from fontmilld.store.files import LocalTree
from fontmilld.store.ledger import SessionStore
from fontmilld.store.logs import SessionLogs
from fontmilld.store.parts import without_elsewhere
from fontmilld.store.records import BatchRecord
from fontmilld.store.recovery import recover
from fontmilld.store.sessions import has_session, load_session
from fontmilld.store.state import EndedSession, KnownSession
from fontmilld.testing.clock import FakeLoop
from fontmilld.testing.disk import FOREVER, Fault, SimulatedDisk
from fontmilld.testing.export import label, picture
from fontmilld.testing.pool import ScriptedChild, ScriptedProcesses


class InlineWriter(reports.SessionWriter):
    """SessionWriter without its thread: it works when the loop settles, and `hang` makes it a stuck disk."""

    def __init__(self, loop: FakeLoop, opener: reports.Opener, post: Callable[[reports.Report], None]) -> None:
        super().__init__(opener, lambda report: loop.post(lambda: post(report)), clock=loop.now)
        self._loop = loop
        self._store: SessionStore | None = None
        self.hang = False
        self.ended = False

    def start(self) -> None:
        self._loop.post(self._begin)

    def _begin(self) -> None:
        try:
            self._store, result = self._opener()
        except Exception as error:
            self.ended = True
            self._tell(reports.OpenFailed(reports._as_fault(error)))
            return
        self._tell(reports.Opened(result))
        self._loop.post(self.work)

    def append(self, record: Any) -> None:
        super().append(record)
        self._loop.post(self.work)

    def call(self, token: Any, action: Callable[[SessionStore], Any]) -> None:
        super().call(token, action)
        self._loop.post(self.work)

    def reset(self) -> None:
        super().reset()
        self._loop.post(self.work)

    def retry_commit(self) -> None:
        super().retry_commit()
        self._loop.post(self.work)

    def stop(self, settle: bool = True, then: Callable[[], None] = lambda: None) -> None:
        super().stop(settle, then)
        self._loop.post(self.work)

    def work(self) -> None:
        """What the thread does between two waits."""
        store = self._store
        if store is None or self.hang or self.ended or self._queue.empty():
            return
        for command in self._gather():
            if isinstance(command, BatchRecord):
                self._append(store, command)
                continue
            self._commit(store, in_any_case=not isinstance(command, reports._Call))
            if isinstance(command, reports._Stop):
                self.ended = True
                self._tell(reports.Stopped(self._end(store, command)))
                return
            self._carry_out(store, command)
        self._commit(store)


class FreeLock:
    """A tree's lock; `mine` turns false when another daemon has taken it."""

    def __init__(self) -> None:
        self.mine = True
        self.released = False

    def beat(self) -> bool:
        return self.mine

    def release(self) -> None:
        self.released = True


class Probes:
    """Finds every font good, but those whose name holds `bad` or that `changed` into one refused for a slug and a reason; `hold` keeps the answers back."""

    fingerprint: Mapping[str, str] = {"fontmill": "test"}
    missing: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.held: list[Callable[[], None]] = []
        self.hold = False
        self.changed: dict[str, tuple[str, str]] = {}

    def probe(self, source: str, settings: Mapping[str, Any], answer: Callable[[ProbeDone], None], samples: int = 0) -> None:
        slug, reason = ("font-unreadable", "broken") if "bad" in source else self.changed.get(source, ("", ""))
        face = {"face_index": 0, "record": {}, "slug": slug, "reason": reason}
        content = f"{source} changed" if source in self.changed else source
        pairs = () if slug else tuple((f"{source} {number}", b"clear", b"blurred") for number in range(samples))
        found = ProbeDone(0, f"{abs(hash(content)):064x}"[:64], (face,), pairs)
        if self.hold:
            self.held.append(lambda: answer(found))
        else:
            answer(found)


    def sheet(self, pairs: Sequence[Any], columns: int, answer: Callable[[SheetDone], None]) -> None:
        answer(SheetDone(0, "|".join(pair[0] for pair in pairs).encode()))


@dataclass
class House:
    """Implements manager.Ports. Workers answer at once unless `busy`; `hang` a writer, `fill` the disk, ..."""

    workers: int = 2
    disk: SimulatedDisk = field(default_factory=SimulatedDisk)
    loop: FakeLoop = field(default_factory=FakeLoop)

    def __post_init__(self) -> None:
        self.busy = False
        self.no_core = ""
        self.poison: set[tuple[str, int]] = set()
        self.unfit: set[tuple[str, int]] = set()
        self.bad_fonts: set[str] = set()
        self.out_of_reach: set[str] = set()
        self.refusal = FontmillError("path-unwritable")
        self.known: dict[str, EndedSession] = {}
        self.events: list[tuple[str, str | None, dict[str, Any]]] = []
        self.notes: dict[str, tuple[str, tuple[str, ...]]] = {}
        self.ends: dict[str, tuple[str, tuple[FontProgress, ...]]] = {}
        self.keys: dict[str, str] = {}
        self.writers: list[InlineWriter] = []
        self.locks: list[FreeLock] = []
        self.drawn: list[tuple[str, int, int]] = []
        self.seconds_per_sample = 0.05
        self._contexts: dict[int, FontContext] = {}
        self.waiting: list[tuple[ScriptedChild, RenderTask, FontContext]] = []
        self.processes = ScriptedProcesses(self.loop, on_birth=self._employ)
        self.probes = Probes()
        self.manager = PersistentExportManager(self, self.probes)
        self.pool = Pool(self.workers, self.processes.spawn, self.processes.pulse, self.loop, HangLimits(), lambda: 1.0)
        self.pool.start(self.manager.sharing)
        self.loop.after_turn(self.pool.feed)

    # What the workers do -----------------------------------------------------------------------------

    def _employ(self, child: ScriptedChild) -> None:
        child.on_send = lambda message: self._receive(child, message)

    def _receive(self, child: ScriptedChild, message: Message) -> None:
        if isinstance(message, FontContext):
            self._contexts[child.pid] = message
        elif isinstance(message, RenderTask):
            self.waiting.append((child, message, self._contexts[child.pid]))
            if not self.busy:
                self.loop.post(self.work_off)

    def work_off(self, count: int = FOREVER) -> None:
        """Workers do so many of the batches they hold."""
        now, self.waiting = self.waiting[:count], self.waiting[count:]
        for child, task, context in now:
            if child.alive:
                self._draw(child, task, context)

    def _draw(self, child: ScriptedChild, task: RenderTask, context: FontContext) -> None:
        self.drawn.append((task.font_id, task.first, task.last))
        if task.font_id in self.bad_fonts:
            child.says(BatchFailed(task.serial, "font-changed", "The font file changed."))
            return
        try:
            tree = LocalTree(context.project_path, kernel=self.disk)
            folder = tree.dir(layout.images_dir(task.font_id))
        except FontmillError as error:
            child.says(BatchFailed(task.serial, error.slug, error.message))
            return
        lines, failures = [], []
        try:
            width = layout.index_width(context.num_samples)
            for index in range(task.first, task.last + 1):
                self.processes.beat(child.slot, Doing.DRAWING, task.serial, index)
                if (task.font_id, index) in self.poison:
                    child.die()
                    return
                if (task.font_id, index) in self.unfit:
                    failures.append((index, "text-unfit", "too long"))
                    continue
                names = [layout.image_name(task.font_id, index, half, width) for half in layout.HALVES]
                for name, half in zip(names, layout.HALVES, strict=True):
                    folder.write(name, picture(task.font_id, index, half))
                lines.append(label_line(index, names[0], names[1], label(task.font_id, index)))
        except FontmillError as error:
            child.says(BatchFailed(task.serial, error.slug, error.message))
        else:
            spent = self.seconds_per_sample * (task.last - task.first + 1)
            child.says(BatchDone(task.serial, b"".join(lines), len(lines), tuple(failures), 1, {"render": spent}))
        finally:
            folder.close()
            tree.close()

    # Ports -------------------------------------------------------------------------------------------

    def now(self) -> float:
        return self.loop.now()

    def utc(self) -> str:
        return self.loop.utc()

    def call_later(self, delay: float, callback: Callable[[], None]) -> None:
        self.loop.call_later(delay, callback)

    def without_core(self) -> str:
        return self.no_core

    def no_workers(self) -> str:
        return self.pool.start_trouble if self.pool.hopeless else ""

    def publish(self, kind: str, session: str | None, data: Mapping[str, Any]) -> None:
        assert kind in EVENTS and EVENTS[kind].of_session == (session is not None), (kind, session)
        self.events.append((kind, session, dict(data)))

    def note(self, session_id: str, status: str, reasons: tuple[str, ...], detail: str,
             fonts: tuple[FontProgress, ...] = ()) -> None:
        self.notes[session_id] = (status, reasons)
        self.ends[session_id] = (detail, fonts)

    def recall(self, session_id: str) -> EndedSession | None:
        return self.known.get(session_id)

    def find_fonts(self, paths: tuple[str, ...], done: Callable[[list[str] | FontmillError], None]) -> None:
        self.loop.post(lambda: done(list(paths)))

    def check_output(self, request: StartRequest, done: Callable[[CheckedOutput | FontmillError], None]) -> None:
        self.loop.post(lambda: done(CheckedOutput(request.output_path, self.keys.get(request.key or "", ""))))

    def create(self, wanted: ExportSession, key: str | None, force: bool, text: str) -> Opening:
        return lambda: self._open(f"{wanted.output_path}/{wanted.project_name}", wanted, key)

    def reopen(self, path: str, mend: Any = None, sources: Any = None) -> Opening:
        if os.path.dirname(path) in self.out_of_reach:
            return self._refused
        return lambda: self._open(path, None, None)

    def move(self, session: ExportSession, output: str, left: Part, text: str) -> Opening:
        if output in self.out_of_reach:
            return self._refused
        moved = replace(session, output_path=output, parts=(*session.parts, left))
        return lambda: self._open(f"{output}/{session.project_name}", moved, None)

    def _refused(self) -> tuple[SessionStore, OpenTree]:
        raise self.refusal

    def _open(self, path: str, wanted: ExportSession | None, key: str | None) -> tuple[SessionStore, OpenTree]:
        tree = LocalTree(path, create=wanted is not None, kernel=self.disk)
        resumed = has_session(tree)
        new = create_project_structure(tree, wanted).new_fonts if wanted is not None and not resumed else ()
        session = load_session(tree, path)
        recovery = without_elsewhere(recover(tree, session, new_fonts=new, boot_id="boot"), session)
        if key:
            self.keys[key] = session.session_id
        self.locks.append(FreeLock())
        store = SessionStore(tree, session, recovery.states, unsaved=recovery.unsaved, boot_id="boot", now=self.utc,
                             release=self.locks[-1].release)
        return store, OpenTree(session, recovery, self.locks[-1], resumed, SessionLogs(tree))  # type: ignore[arg-type]

    def writer(self, opening: Opening, post: Callable[[reports.Report], None], name: str) -> InlineWriter:
        self.writers.append(InlineWriter(self.loop, opening, post))
        self.writers[-1].start()
        return self.writers[-1]

    def watch_space(self, session: ManagedSession) -> None:
        return None

    # What a test does --------------------------------------------------------------------------------

    def request(self, project: str = "p", samples: int = 40, fonts: tuple[str, ...] = ("/f/a.ttf", "/f/b.ttf"),
                key: str | None = None, durability: str = "batch", fallbacks: tuple[str, ...] = ()) -> StartRequest:
        """A `start` like any other."""
        config = ExportConfig(num_samples=samples, durability=durability, fallback_paths=fallbacks)
        return StartRequest("/out", project, fonts, config, key, False)

    def start(self, project: str = "p", samples: int = 40, fonts: tuple[str, ...] = ("/f/a.ttf", "/f/b.ttf"),
              settle: bool = True, durability: str = "batch", fallbacks: tuple[str, ...] = ()) -> ManagedSession:
        """Start a session and let it be opened; `settle` False only as far as its first batches are out."""
        answers: list[Any] = []
        self.busy, busy = self.busy or not settle, self.busy
        self.manager.create_session(self.request(project, samples, fonts, durability=durability, fallbacks=fallbacks), answers.append)
        self.loop.settle()
        self.busy = busy
        assert isinstance(answers[0], dict), answers
        return self.manager.find(answers[0]["session_id"])

    def run(self, seconds: float = 0.0) -> None:
        """Workers do all they hold, and time passes."""
        self.busy = False
        self.work_off()
        self.loop.advance(seconds)

    def fill(self) -> None:
        """The disk is full: every change is refused."""
        self.fault(errno.ENOSPC, FOREVER)

    def fault(self, code: int, times: int = 1, after: int = 0, how: Any = "error") -> None:
        """The next `times` changes, `after` some that go well, fail."""
        self.disk.faults = (Fault(len(self.disk.calls) + 1 + after, how, code, times),)

    def mend(self) -> None:
        """The disk is well again."""
        self.disk.faults = ()

    def files(self, project: str = "p") -> dict[str, bytes]:
        """The project's files by relative name."""
        return self.disk.files(f"/out/{project}")

    def told(self, kind: str, session: str | None = None) -> list[dict[str, Any]]:
        """The events of a kind."""
        return [data for name, owner, data in self.events if name == kind and session in (None, owner)]

    def restarted(self) -> House:
        """The daemon was killed and is back: the disk and the notes are all that is left."""
        back = House(self.workers, self.disk.restarted())
        back.notes, back.keys, back.ends = dict(self.notes), dict(self.keys), dict(self.ends)
        back.probes = self.probes
        return back

    def restore(self, session: ManagedSession) -> None:
        """Take up a session of the former life."""
        status, reasons = self.notes.get(session.id, ("active", ()))
        detail, fonts = self.ends.get(session.id, ("", ()))
        known = KnownSession(session.id, session.session.project_name, "/out", session.session.created_at, "", status, reasons, detail)
        self.known[session.id] = EndedSession(known, session.session, fonts)
        if status in ("completed", "failed"):
            self.manager.remember(self.known[session.id])
        else:
            self.manager.restore(known)
        self.loop.settle()
