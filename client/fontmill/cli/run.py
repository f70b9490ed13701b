"""`fontmill run`: the whole job in the foreground, on a private daemon."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any, Self

from fontmill.cli.arguments import Invocation, start_args
from fontmill.cli.live import Lasting, view
from fontmill.cli.private import PrivateDaemon
from fontmill.cli.start import place, tell_lacking, tell_refused
from fontmill.cli.text import SELF_HEALING, clean, count, outcome, parts_lines, project, rate, whole, why
from fontmill.errors import ExitStatus, FontmillError, invalid

if TYPE_CHECKING:
    from fontmill.client import Client

Map = Mapping[str, Any]
START_SLICE = 60.0


class Interrupted(Exception):
    """SIGINT or SIGTERM came, and nobody has dealt with it yet."""


class Signals:
    """Counts SIGINT and SIGTERM instead of ending at once."""

    def __init__(self) -> None:
        self._count = self._borne = 0

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._count += 1

    def check(self) -> None:
        """Raise `Interrupted` if a signal came that was not borne."""
        if self._count > self._borne:
            raise Interrupted

    def bear(self) -> None:
        """Deal with what has come; the next signal interrupts again."""
        self._borne = self._count


def run(call: Invocation) -> int:
    """Start or continue the project on a private daemon, show it, and end the daemon whatever happens."""
    args, workers = start_args(call.options)
    _require_parent(args["output_path"])
    roots = [args["output_path"], *args["fallback_paths"]]
    with Signals() as signals:
        try:
            with PrivateDaemon(roots, workers, signals.check) as daemon:
                client = call.client(daemon.socket, lambda: _check(signals, daemon))  # its imports take as long as the daemon's
                daemon.ready()
                return Job(call, client, daemon, signals, args).run()
        except Interrupted:
            return _abandoned(call)


def _require_parent(output: str) -> None:
    parent = os.path.dirname(output)
    if not os.path.exists(output) and not os.path.isdir(parent):
        raise invalid("output_path", f"the folder {parent} does not exist.")


def _check(signals: Signals, daemon: PrivateDaemon) -> None:
    signals.check()
    daemon.check()


def _abandoned(call: Invocation) -> int:
    call.output.say("interrupted; run the same command to continue")
    return ExitStatus.INTERRUPTED


class Job:
    """One run: start, follow, and either report or pause."""

    def __init__(
        self, call: Invocation, client: Client, daemon: PrivateDaemon, signals: Signals, args: dict[str, Any],
    ) -> None:
        self._call, self._client, self._daemon, self._signals, self._args = call, client, daemon, signals, args
        self._output = call.output
        self._session = ""
        self._told = self._folder = ""

    def run(self) -> int:
        """The exit status of the run. A second signal kills the daemon at once."""
        try:
            try:
                exit_status = self._whole()
            except Interrupted:
                self._signals.bear()
                exit_status = self._pause() if self._session else _abandoned(self._call)
        except Interrupted:
            self._signals.bear()
            self._daemon.kill()
            return _abandoned(self._call)
        self._leave()
        return exit_status

    def _whole(self) -> int:
        answer = self._looked_at(self._start)
        began = time.monotonic()
        self._session = str(answer["session_id"])
        tell_refused(self._output, answer)
        tell_lacking(self._output, answer)
        status: Map = self._client.status(self._session)
        if os.path.realpath(f"{self._args['output_path']}/{self._args['project_name']}") != str(answer.get("project_path")):
            self._output.note(f"the session had moved when its storage failed; it goes on in {project(answer)}")
        self._tell_move(status)
        before = whole(status, "exported_samples")
        if status.get("status") == "completed":
            self._output.note(f"{clean(self._args['project_name'])} was complete already")
        elif answer.get("resumed"):
            self._output.note(f"continuing {clean(self._args['project_name'])} at {_at(status)}")
        if status.get("status") == "paused" and not _heals(status):
            self._client.resume(self._session)
        status = self._follow()
        self._tell_without_core(self._client.status().get("daemon"))
        return self._report(status, answer, before, time.monotonic() - began)

    def _tell_without_core(self, daemon: object) -> None:
        if isinstance(daemon, Mapping) and daemon.get("without_core"):
            self._output.note(f"drawn without the compiled core, more slowly: {clean(daemon['without_core'])}")

    def _looked_at(self, start: Callable[[], Map]) -> Map:
        looking = Lasting(self._output, "looking at the fonts", bool(self._call.options.progress))

        def tick() -> None:
            _check(self._signals, self._daemon)
            looking.tick()

        self._client.tick = tick
        try:
            return start()
        finally:
            looking.close()
            self._client.tick = lambda: _check(self._signals, self._daemon)

    def _start(self) -> Map:
        key = os.urandom(16).hex()
        while True:
            try:
                return self._client.call_start(self._args, self._call.timeout or START_SLICE, key)
            except FontmillError as error:  # many fonts take long to inspect; the key makes asking again harmless
                if error.slug != "timed-out" or self._call.timeout:
                    raise

    def _follow(self) -> Map:
        shown = view(self._output, bool(self._call.options.progress))
        try:
            statuses = self._client.statuses(self._session)
            shown.update(status := next(statuses))
            while not self._over(status):
                shown.update(status := next(statuses))
                self._tell_move(status)
            final = self._client.wait(self._session)
            self._tell_move(final)
            return final
        finally:
            shown.close()

    def _tell_move(self, status: Map) -> None:
        """Remark on it when the session goes on in another folder than before."""
        before, self._folder = self._folder, project(status)
        if before and before != self._folder:
            self._output.note(f"the storage of {before} failed; the session goes on in {self._folder}")

    def _over(self, status: Map) -> bool:
        if status.get("status") != "paused":
            self._told = ""
            return status.get("status") != "active"
        if not _heals(status):
            return True
        if self._told != why(status):
            self._told = why(status)
            self._output.note(f"{self._told}, Ctrl-C stops: {self._what_lifts(status)}")
        return False

    def _what_lifts(self, status: Map) -> str:
        """What the daemon says of each reason to wait: how much is lacking, where it knows."""
        lines = self._client.why(self._session).get("lines") or ()
        return clean(" ".join(lines[:len(status["pause_reasons"])]))

    def _report(self, status: Map, answer: Map, before: int, seconds: float) -> int:
        made, folder = whole(status, "exported_samples") - before, project(status) or place(self._args, answer)
        lines = [
            f"{clean(status.get('status', ''))}: {_at(status)}, {count(whole(status, 'failed_samples'))} failed, "
            f"{count(whole(status, 'skipped_samples'))} skipped{_excluded(status)}" + (f" ({why(status)})" if why(status) else ""),
            f"dataset: {folder}",
        ]
        if status.get("status") == "completed":
            lines.append(f"report:  {folder}/report.html")
        lines += parts_lines(status, folder)
        if made > 0:
            lines.append(f"{count(made)} pairs in {seconds:.1f} s, {rate(made / seconds)}")
        self._output.result(status, lines)
        return outcome(status)

    def _pause(self) -> int:
        try:
            status: Map = self._client.pause(self._session)
        except FontmillError as error:
            if error.slug != "wrong-state":
                raise
            status = self._client.status(self._session)
        if not status.get("quiescent", True):
            status = self._client.wait(self._session)
        if status.get("status") == "completed":
            return self._report(status, status, whole(status, "exported_samples"), 0.0)
        self._output.say(f"paused at {_at(status)}; run the same command to continue")
        if self._output.as_json:
            self._output.emit(status)
        return ExitStatus.INTERRUPTED

    def _leave(self) -> None:
        self._client.tick = self._signals.check  # from here on the daemon may end
        try:
            self._client.shutdown()
            self._daemon.finish()
        except Interrupted:
            self._signals.bear()
            self._daemon.kill()
        except FontmillError as error:
            if error.slug != "not-running":
                raise


def _heals(status: Map) -> bool:
    reasons = {str(reason) for reason in status.get("pause_reasons") or ()}
    return bool(reasons) and reasons <= SELF_HEALING


def _at(status: Map) -> str:
    return f"{count(whole(status, 'exported_samples'))} of {count(whole(status, 'total_samples'))} pairs"


def _excluded(status: Map) -> str:
    left_out = whole(status, "excluded_samples")
    return f" ({count(left_out)} of them left out by --licences)" if left_out else ""
