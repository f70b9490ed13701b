"""A daemon without work: speaks the protocol from a script. In a thread for tests, or as a process for `run`."""

from __future__ import annotations

import argparse
import os
import queue
import select
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zmq

from fontmill import wire
from fontmill.errors import FontmillError

SILENCE = object()


def status(**changes: Any) -> dict[str, Any]:
    """A status object."""
    return {
        "session_id": "5e55104a", "project_name": "plates", "output_path": "/data", "status": "active",
        "pause_reasons": [], "reason": "", "total_samples": 40, "exported_samples": 10, "failed_samples": 0,
        "skipped_samples": 0, "total_images": 80, "exported_images": 20, "failed_images": 0, "processing_rate": 80.0,
        "estimated_time_remaining": 0.4, "created_at": "2026-01-01T00:00:00Z", "last_updated": "2026-01-01T00:00:01Z",
        "durable_samples": 8, "fonts": {"pending": 1, "processing": 1, "completed": 1, "failed": 0, "skipped": 0},
        "quiescent": False, "phase": "rendering", "in_flight_samples": 2, "bottleneck": "cpu", **changes,
    }


class FakeDaemon:
    """`answers` maps a verb to a value, an error to raise, SILENCE, or a function of the request giving one of these.

    `requests` keeps every request. `publish(..., lost=True)` puts an event in the ring but not on the socket.
    """

    def __init__(self, folder: Path, boot: str = "boot-1", ring: int = 1000) -> None:
        self.path = folder / wire.CONTROL_SOCKET
        self.boot, self.ring_size = boot, ring
        self.answers: dict[str, Any] = {"ping": lambda r: {"boot": self.boot, "uptime": 1.0}, "events": self._replay}
        self.requests: list[wire.Request] = []
        self.ring: list[dict[str, Any]] = []
        self.seq = 0
        self._jobs: queue.SimpleQueue[tuple[Callable[[], None], threading.Event] | None] = queue.SimpleQueue()
        self._wake_read, self._wake_write = os.pipe()
        self._context = zmq.Context()
        self.control, self.events = self._bind(zmq.ROUTER, self.path), self._bind(zmq.XPUB, folder / wire.EVENTS_SOCKET)
        self._thread: threading.Thread | None = None

    def _bind(self, kind: int, path: Path) -> Any:
        path.unlink(missing_ok=True)
        sock = self._context.socket(kind)
        sock.setsockopt(zmq.LINGER, 0)
        sock.bind(f"ipc://{path}")
        return sock

    def start(self) -> FakeDaemon:
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """End as a daemon that is asked to, which removes its sockets."""
        self.die()
        for name in (wire.CONTROL_SOCKET, wire.EVENTS_SOCKET):
            self.path.with_name(name).unlink(missing_ok=True)

    def die(self) -> None:
        """End as SIGKILL does: nobody listens, and the socket files are still there."""
        if self._thread is not None:
            self._jobs.put(None)
            os.write(self._wake_write, b"x")
            self._thread.join()
            self._thread = None
            self.close()
            os.close(self._wake_read)
            os.close(self._wake_write)

    def close(self) -> None:
        self.control.close()
        self.events.close()
        self._context.term()

    def publish(self, kind: str, session: str | None = None, lost: bool = False, **data: Any) -> None:
        self.inside(lambda: self.publish_now(kind, session, lost, **data))

    def inside(self, job: Callable[[], None]) -> None:
        """Do something in the daemon's thread."""
        done = threading.Event()
        self._jobs.put((job, done))
        os.write(self._wake_write, b"x")
        assert done.wait(60)

    def publish_now(self, kind: str, session: str | None = None, lost: bool = False, **data: Any) -> None:
        self.seq += 1
        event = {"boot": self.boot, "seq": self.seq, "t": 1.5, "kind": kind, "session": session, "d": data}
        self.ring = [*self.ring, event][-self.ring_size:]
        if not lost:
            self.events.send_multipart(wire.event_frames(event))

    def _replay(self, request: wire.Request) -> dict[str, Any]:
        since = request.args.get("since", 0) if request.args.get("boot") == self.boot else 0
        first = self.ring[0]["seq"] if self.ring else self.seq + 1
        events = [event for event in self.ring if event["seq"] > since]
        return {"boot": self.boot, "seq": self.seq, "complete": since + 1 >= first, "events": events}

    def _serve(self) -> None:
        poller = zmq.Poller()
        for source in (self.control, self.events, self._wake_read):
            poller.register(source, zmq.POLLIN)
        while True:
            ready = dict(poller.poll())
            if self._wake_read in ready:
                os.read(self._wake_read, 1)
                job = self._jobs.get()
                if job is None:
                    return
                job[0]()
                job[1].set()
            self.attend(ready)

    def attend(self, ready: dict[Any, int]) -> None:
        if self.events in ready:
            self.events.recv()
        if self.control in ready:
            self._answer(self.control.recv_multipart())

    def _answer(self, frames: list[bytes]) -> None:
        request = wire.parse_request(wire.parse_frames(frames[1:], wire.MAX_REQUEST_BYTES))
        self.requests.append(request)
        answer = self.answers.get(request.op, FontmillError("unknown-verb"))
        try:
            answer = answer(request) if callable(answer) else answer
            if isinstance(answer, FontmillError):
                raise answer
        except FontmillError as error:
            self.control.send_multipart([frames[0], *wire.error_reply(request.id, error)])
            return
        if answer is not SILENCE:
            replies = answer if isinstance(answer, list) else wire.ok_reply(request.id, answer, self.seq, self.boot)
            self.control.send_multipart([frames[0], *replies])


class Pretender:
    """The process behind `fontmill run` in tests: exports nothing, 10 pairs a step, and remembers in a file."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.behaviour = os.environ.get("PRETEND", "")
        self.memory = Path(os.environ["PRETEND_MEMORY"])
        if self.behaviour == "refuse-to-start":
            print("fontmilld: The state folder cannot be used. Choose another.", file=sys.stderr)
            print("what a library says while the process ends", file=sys.stderr)
            raise SystemExit(4)
        self.daemon = FakeDaemon(Path(options.socket).parent)
        self.daemon.answers |= {
            "start": self.begin, "status": self.tell, "wait": lambda r: self.status,
            "pause": self.pause, "resume": self.resume, "shutdown": self.shutdown,
        }
        self.done = int(self.memory.read_text()) if self.memory.exists() else 0
        self.resumed = self.memory.exists()
        self.status = status(status="none")
        self.leaving = self.asked = False

    def show(self, **changes: Any) -> dict[str, Any]:
        self.memory.write_text(str(self.done))
        self.status = {**self.status, "exported_samples": self.done, "quiescent": True, **changes}
        return self.status

    def begin(self, request: wire.Request) -> Any:
        if self.behaviour == "refuse":
            return FontmillError("path-unwritable", "The output path /data cannot be written.")
        self.status = status(
            output_path=request.args["output_path"], project_name=request.args["project_name"],
            skipped_samples=5 if self.behaviour == "skip" else 0, total_samples=1000,
        )
        self.show(status="completed" if self.done >= 1000 else "active")
        refused = [{"source": "/f/bad\x1b[31m.ttf", "reason": "cannot be opened"}] if self.behaviour == "skip" else []
        return {
            "session_id": "5e55104a", "project_path": f"{request.args['output_path']}/plates", "resumed": self.resumed,
            "status": "active", "accepted_fonts": 3, "refused_fonts": refused,
        }

    def tell(self, request: wire.Request) -> dict[str, Any]:
        self.asked = True
        return self.status

    def pause(self, request: wire.Request) -> dict[str, Any]:
        return self.show(status="paused", pause_reasons=["user"])

    def resume(self, request: wire.Request) -> dict[str, Any]:
        return self.show(status="active", pause_reasons=[])

    def shutdown(self, request: wire.Request) -> dict[str, Any]:
        self.leaving = self.behaviour != "stay"
        return {}

    def step(self) -> None:
        if self.behaviour == "die" and self.done >= 100:
            print("something terrible", file=sys.stderr)
            os._exit(9)
        if self.behaviour in ("endless", "stay") and self.done >= 100:
            return
        if self.status["status"] == "active" and self.asked:  # however late it asks, it hears of the start
            self.done = min(self.done + 10, 1000)
            ended = self.done == 1000
            self.show(status="completed" if ended else "active")
            kind = "session-completed" if ended else "progress"
            self.daemon.publish_now(kind, "5e55104a", **self.status)

    def serve(self) -> None:
        poller = zmq.Poller()
        for source in (self.daemon.control, self.daemon.events):
            poller.register(source, zmq.POLLIN)
        while not self.leaving:
            self.daemon.attend(dict(poller.poll(1)))
            self.step()
            if select.select([sys.stdin], [], [], 0)[0] and not sys.stdin.buffer.read(1):
                return


def short_folder() -> Path:
    """A folder whose path leaves room for a socket."""
    return Path(tempfile.mkdtemp(prefix="fm-", dir="/tmp"))


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def eventually(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Whether a condition comes true; looks often, and never longer than needed."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


def main() -> None:
    parser = argparse.ArgumentParser()
    for flag in ("--socket", "--state-dir", "--workers"):
        parser.add_argument(flag)
    parser.add_argument("--private", action="store_true")
    parser.add_argument("--allow-root", nargs="+")
    pretender = Pretender(parser.parse_args())
    try:
        pretender.serve()
    finally:
        pretender.daemon.close()  # left to the garbage collector, a context may wait for its sockets for ever


if __name__ == "__main__":
    main()
