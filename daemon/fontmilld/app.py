"""Builds the daemon from its parts, in the only safe order, and runs it: forkserver, state, loop, sockets, pool."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from fontmill.errors import FontmillError
from fontmill.model import ExportSession, FontProgress, Part
from fontmilld import systemd
from fontmilld.control.access import AccessPolicy
from fontmilld.control.handlers import VerbHandlers
from fontmilld.control.server import ControlServer, unexpected
from fontmilld.core.lifecycle import Reason
from fontmilld.core.pressure import Advice
from fontmilld.diskwork import DiskWork
from fontmilld.intake import StartRequest
from fontmilld.loop import Loop
from fontmilld.manager import PersistentExportManager
from fontmilld.memory import largest
from fontmilld.monitor import MemoryWatch, SpaceWatch
from fontmilld.opening import Mend, TreeOpener
from fontmilld.outside import CheckedOutput, Opening
from fontmilld.pool import roles
from fontmilld.pool.pool import HangLimits, Pool
from fontmilld.pool.prober import Prober
from fontmilld.pool.process import Launcher, LocalChild
from fontmilld.pool.vitals import Vitals, make_array
from fontmilld.projects import ProjectOperations
from fontmilld.session import ManagedSession
from fontmilld.settings import RELOADABLE, DaemonSettings, reloaded
from fontmilld.store import writer as reports
from fontmilld.store.parts import gone_on_in
from fontmilld.store.preflight import discover_fonts, validate_output_path
from fontmilld.store.state import EndedSession, KnownSession, SessionStateManager
from fontmilld.store.writer import SessionWriter
from fontmilld.watch import FileWatch

log = logging.getLogger(__name__)
DRAIN_SECONDS = 25.0
LOCK_BEAT_SECONDS = 10.0
ATTEND_SECONDS = 1.0
MAX_PROBERS = 4
MAX_REMEMBERED = 256
"""Ended sessions of earlier lives that are still told of."""


class Daemon:
    """One life of fontmilld. It is the ports that manager and handlers speak to."""

    def __init__(self, settings: DaemonSettings, launcher: Launcher, config: str, load: Callable[[], DaemonSettings]) -> None:
        self.settings = settings
        self.workers = settings.workers
        self.boot = uuid.uuid4().hex
        self._born = time.monotonic()
        self._launcher = launcher
        self._array = make_array(launcher.context, settings.workers)
        self._state = SessionStateManager(settings.state_dir, lasting=not settings.private)
        self._opener = TreeOpener(settings.allow_root, self._state, self.boot)
        self._loop = Loop()
        policy = AccessPolicy(
            os.getuid(), frozenset(settings.admin_uids), frozenset(settings.operator_uids),
            frozenset(settings.operator_gids), frozenset(settings.viewer_uids), frozenset(settings.viewer_gids),
        )
        self._server = ControlServer(self._loop, settings.socket, policy, self.boot, time.time)
        self._writers: list[SessionWriter] = []
        self._watches: list[tuple[ManagedSession, SpaceWatch]] = []
        self._prober = Prober(min(MAX_PROBERS, settings.workers), self._spawn_probe, self._loop, settings.probe_seconds)
        self.manager = PersistentExportManager(self, self._prober)
        self._pool = Pool(settings.workers, self._spawn_worker, self._pulse, self._loop, HangLimits(settings.hang_seconds),
                          stack_file=self.stack_file)
        self._projects = ProjectOperations(self.manager, DiskWork(self._opener, self._in_thread, self._loop.post))
        self._memory = MemoryWatch(self._loop.post, self._on_memory)
        self._files = FileWatch(self._loop.post, self._on_file_changed)
        self._config, self._load = config, load
        self._draining = False

    def run(self) -> None:
        """Serve until told to shut down."""
        self._loop.after_turn(self._after_turn)
        self._loop.on_signals((signal.SIGTERM, signal.SIGINT), lambda _: self.shut_down())
        if self.settings.private:  # it is told what to do before workers can be started
            self._loop.add_reader(self._launcher.ready, self._start_pool)
        else:
            self._start_pool()
        self._take_up(self._state.sessions())
        if self._state.lost and not self.settings.private:
            self._in_thread("rebuild", lambda: self._state.rebuild(self.settings.allow_root), self._rebuilt)
        self._server.serve(VerbHandlers(self.manager, self._projects, self))
        if self.settings.private:
            threading.Thread(target=self._end_with_stdin, name="stdin", daemon=True).start()
        self._loop.call_later(LOCK_BEAT_SECONDS, self._beat_locks)
        self._memory.start()
        self._files.start()
        self._attend_files()
        systemd.notify_ready(self._loop.call_later)
        self.publish("daemon-started", None, self.describe())
        log.info("fontmilld serves with %d workers (pid %d)", self.workers, os.getpid())
        self._loop.run()
        self._close()

    def _start_pool(self) -> None:
        self._loop.remove_reader(self._launcher.ready)
        self._pool.start(self.manager.sharing)

    def _take_up(self, sessions: Sequence[KnownSession]) -> None:
        ids = {known.session_id for known in sessions}
        for ended in self._state.ended_sessions(MAX_REMEMBERED):
            if ended.known.session_id in ids:
                self.manager.remember(ended)
        for known in sessions:
            if known.status in ("active", "paused"):
                self.manager.restore(known)

    def _rebuilt(self, found: Sequence[KnownSession] | FontmillError) -> None:
        """The index was gone or damaged: what lies beneath the allowed roots is known again, and waits for its user."""
        if isinstance(found, FontmillError):
            log.warning("the index of sessions cannot be made from the trees: %s", found)
        elif found:
            log.info("the index of sessions was made anew from the trees: %d found", len(found))
            self._take_up(found)

    # Facts -------------------------------------------------------------------------------------------

    def describe(self) -> dict[str, Any]:
        """What `status` tells about the daemon."""
        return {
            "pid": os.getpid(), "boot": self.boot, "uptime": round(time.monotonic() - self._born, 3),
            "workers": self.workers, "workers_ready": self._pool.alive, "worker_pids": self._pool.pids,
            "memory_share": round(self._memory.share, 3), "memory_short": self._memory.short, "without_core": self._pool.without_core,
            "start_trouble": self._pool.start_trouble,
            "dropped_replies": self._server.dropped, "private": self.settings.private,
        }

    def settings_in_force(self) -> dict[str, Any]:
        """What `config` tells."""
        return asdict(self.settings)

    # Ports of the manager ----------------------------------------------------------------------------

    def now(self) -> float:
        """Monotonic seconds."""
        return self._loop.now()

    def utc(self) -> str:
        """ISO 8601 UTC."""
        return datetime.now(UTC).isoformat(timespec="milliseconds")

    def call_later(self, delay: float, callback: Callable[[], None]) -> None:
        """Call once on the loop."""
        self._loop.call_later(delay, callback)

    def publish(self, kind: str, session: str | None, data: Mapping[str, Any]) -> None:
        """Send an event."""
        self._server.events.publish(kind, session, data)

    def note(self, session_id: str, status: str, reasons: tuple[str, ...], detail: str,
             fonts: tuple[FontProgress, ...] = ()) -> None:
        """Keep a status in the index; from any thread."""
        self._state.save_status(session_id, status, reasons, detail, fonts)

    def recall(self, session_id: str) -> EndedSession | None:
        """See Ports."""
        return self._state.recall(session_id)

    def find_fonts(self, paths: tuple[str, ...], done: Callable[[list[str] | FontmillError], None]) -> None:
        """See Ports."""
        self._in_thread("find fonts", lambda: discover_fonts(paths), done)

    def check_output(self, request: StartRequest, done: Callable[[CheckedOutput | FontmillError], None]) -> None:
        """See Ports."""
        self._in_thread("check output", lambda: self._checked_output(request), done)

    def _checked_output(self, request: StartRequest) -> CheckedOutput:
        output, *fallbacks = (validate_output_path(path, self.settings.allow_root) for path in (request.output_path, *request.config.fallback_paths))
        within = [found.path for found in fallbacks if found.ok]
        moved = gone_on_in(f"{output.path.rstrip('/')}/{request.project_name}", within)
        refused = next((found for found in (*(() if moved else (output,)), *fallbacks) if not found.ok), None)
        if refused is not None:
            raise FontmillError(refused.slug, refused.reason)
        used = self._state.find_key(request.key) if request.key else None
        return CheckedOutput(moved or request.output_path, used.session_id if used else "")

    def _in_thread(self, name: str, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        def main() -> None:
            try:
                result = work()
            except FontmillError as error:
                result = error
            except Exception:
                result = unexpected(name)
            self._loop.post(lambda: done(result))
        threading.Thread(target=main, name=name, daemon=True).start()

    def create(self, wanted: ExportSession, key: str | None, force: bool, text: str) -> Opening:
        """See Ports."""
        return lambda: self._opener.create(wanted, key, force, text)

    def reopen(self, path: str, mend: Mend | None, sources: Mapping[str, str] | None) -> Opening:
        """See Ports."""
        return lambda: self._opener.reopen(path, mend, sources)

    def move(self, session: ExportSession, output: str, left: Part, text: str) -> Opening:
        """See Ports."""
        return lambda: self._opener.move(session, output, left, text)

    def writer(self, opening: Opening, post: Callable[[reports.Report], None], name: str) -> SessionWriter:
        """See Ports."""
        writer = SessionWriter(opening, lambda report: self._loop.post(lambda: post(report)), f"writer {name}")
        self._writers = [old for old in self._writers if not old.join(0)]
        self._writers.append(writer)
        writer.start()
        return writer

    def without_core(self) -> str:
        """See Ports."""
        return self._pool.without_core

    def no_workers(self) -> str:
        """See Ports."""
        return self._pool.start_trouble if self._pool.hopeless else ""

    def watch_space(self, session: ManagedSession) -> None:
        """See Ports."""
        def short(told: str) -> None:
            if session.life.ended:
                watch.stop()
            elif told:
                session.pause(Reason.DISK, told)
            elif Reason.DISK in session.life.reasons:
                session.lift(Reason.DISK)

        watch = SpaceWatch(session.path, self._loop.post, short)
        self._watches = [(s, w) for s, w in self._watches if not s.life.ended]
        self._watches.append((session, watch))
        watch.start()

    def _on_memory(self, advice: Advice, share: float) -> None:
        told = f"{share:.0%} of the memory that fontmill may use is in use."
        if advice is Advice.WARN:
            log.warning(told)
            self.publish("memory-warning", None, {"share": round(share, 3)})
        elif advice is Advice.STOP:
            self.manager.memory_is_short(told)
        elif advice is Advice.GO:
            self.manager.memory_is_back()
        else:
            pids = self._pool.pids
            self._in_thread("largest worker", lambda: largest(pids), lambda pid: self._recycle(pid, told))

    def _recycle(self, pid: Any, told: str) -> None:
        if isinstance(pid, int):
            self._pool.recycle(pid, f"it is the largest, and {told}")

    def _attend_files(self) -> None:
        """Watch the fonts that are still to be drawn from, and the configuration."""
        self._files.keep((*self.manager.font_files(), *([self._config] if self._config else [])))
        self._loop.call_later(ATTEND_SECONDS, self._attend_files)

    def _on_file_changed(self, path: str) -> None:
        if path == self._config:
            self._in_thread("settings", self._load, self._reload)
        else:
            self.manager.font_file_changed(path)

    def _reload(self, wanted: DaemonSettings | FontmillError) -> None:
        if isinstance(wanted, FontmillError):
            log.warning("the changed configuration is not taken over: %s", wanted)
            return
        before = self.settings
        self.settings, later = reloaded(before, wanted)
        self._pool.limits = HangLimits(self.settings.hang_seconds)
        self._prober.file_seconds = self.settings.probe_seconds
        taken = [name for name in sorted(RELOADABLE) if getattr(before, name) != getattr(self.settings, name)]
        log.info("the configuration changed; taken over: %s; after a restart: %s", ", ".join(taken) or "nothing", ", ".join(later) or "nothing")

    def _beat_locks(self) -> None:
        for session, _ in self._watches:
            session.beat_lock()
        self._loop.call_later(LOCK_BEAT_SECONDS, self._beat_locks)

    # Processes ---------------------------------------------------------------------------------------

    def _spawn_worker(self, slot: int) -> LocalChild:
        return self._launcher.launch(roles.worker, self._array, slot, stack_file=self.stack_file(slot))

    def stack_file(self, slot: int) -> str:
        """Where a hung worker's stack is found."""
        return f"{self.settings.state_dir}/worker-{slot}.stack"

    def _spawn_probe(self) -> LocalChild:
        return self._launcher.launch(roles.probe, self.settings.probe_memory_mib << 20, self.settings.probe_seconds)

    def _pulse(self, slot: int) -> Any:
        return Vitals(self._array, slot).read()

    # The end -----------------------------------------------------------------------------------------

    def _end_with_stdin(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while sys.stdin.buffer.read(4096):
                pass
        self._loop.post(self.shut_down)

    def shut_down(self) -> None:
        """Drain, checkpoint and leave; a second call leaves at once."""
        if self._draining:
            self._loop.stop()
            return
        self._draining = True
        systemd.notify("STOPPING=1")
        self.publish("daemon-stopping", None, {})
        self.manager.drain()
        self._loop.call_later(DRAIN_SECONDS, self._loop.stop)

    def _after_turn(self) -> None:
        if self._draining and self.manager.drained:
            self._loop.stop()
        self._pool.feed()

    def _close(self) -> None:
        self._pool.stop()
        self._prober.stop()
        for session in self.manager.sessions():
            if not session.life.ended:
                session.drain()
        for writer in self._writers:
            writer.join(5.0)
        self._server.close()
        self._pool.kill()
        self._launcher.close()
        self._state.close()
        self._loop.close()
