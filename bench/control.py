"""How fast does the daemon answer, and are events whole, while two sessions keep every core busy?

    python bench/control.py [--quick] [--seconds N] [--clients N]

Three JSON lines: `unasked` (nobody asks), `alone` (one client asks for status over and over) and `many` (each of
`--clients` asks once a second). All say how many events came in the meantime, whether any was missing, and what
share of one core the daemon itself took.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import zmq

from answers import UnavailableError, emit, run_script
from fontmill import wire
from material import fonts
from places import BIN, scratch
from rounds import percentile

PLENTY = 1_000_000
DAEMON = (str(BIN / "fontmilld"),)


class Dealer:
    """One client connection that times its requests."""

    def __init__(self, context: zmq.Context[Any], endpoint: str) -> None:
        self.socket: zmq.Socket[bytes] = context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.connect(endpoint)
        self._number = 0
        self._sent: dict[bytes, float] = {}

    def send(self, op: str, **args: Any) -> None:
        """Ask."""
        self._number += 1
        name = self._number.to_bytes(8, "big")
        self._sent[name] = time.perf_counter()
        self.socket.send_multipart(wire.Request(name, op, args).frames())

    def receive(self, timeout: float = 30.0) -> tuple[Any, float]:
        """The result, and seconds since it was asked for."""
        if not self.socket.poll(int(timeout * 1000)):
            raise UnavailableError("the daemon does not answer")
        frames = self.socket.recv_multipart()
        now, body = time.perf_counter(), wire.parse_frames(frames, wire.MAX_REPLY_BYTES)
        return wire.reply_result(body), now - self._sent.pop(body["id"])

    def ask(self, op: str, **args: Any) -> Any:
        """Ask and wait."""
        self.send(op, **args)
        return self.receive()[0]


@dataclass
class Events:
    """A subscriber to everything that counts events and checks their sequence."""

    endpoint: str
    count: int = 0
    missing: int = 0
    _last: int | None = None
    _end: threading.Event = field(default_factory=threading.Event)

    def listen(self) -> None:
        """Receive until told to end; runs in a thread, with a context of its own."""
        context: zmq.Context[Any] = zmq.Context()
        socket = context.socket(zmq.SUB)
        socket.setsockopt(zmq.SUBSCRIBE, b"")
        socket.connect(self.endpoint)
        while not self._end.is_set():
            if socket.poll(100):
                self._take(wire.parse_event(socket.recv_multipart()))
        context.destroy(linger=0)

    def _take(self, event: dict[str, Any]) -> None:
        if self._last is not None:
            self.missing += event["seq"] - self._last - 1
        self._last = event["seq"]
        self.count += 1

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen in the background."""
        thread = threading.Thread(target=self.listen, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._end.set()
            thread.join()


@contextmanager
def daemon(folder: Path, workers: int = 2, program: Sequence[str] = DAEMON, roots: Sequence[Path] = ()) -> Iterator[tuple[psutil.Process, str]]:
    """A daemon; its process and its socket directory's endpoint prefix."""
    if not Path(program[0]).exists():
        raise UnavailableError("fontmilld is not installed beside this Python")
    sockets = folder / "run"
    sockets.mkdir(mode=0o700)
    command = [*program, "--socket", sockets / wire.CONTROL_SOCKET, "--state-dir", folder / "state", "--workers", workers]
    for root in (folder, *roots):
        command += ["--allow-root", root]
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        wait_for(sockets / wire.CONTROL_SOCKET, process)
        yield psutil.Process(process.pid), f"ipc://{sockets}/"
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    """Until the socket is there."""
    end = time.monotonic() + 30
    while not path.exists():
        if process.poll() is not None or time.monotonic() > end:
            said = process.stderr.read().decode() if process.poll() is not None and process.stderr else "no socket within 30 s"
            raise UnavailableError(f"fontmilld did not start: {said[-400:]}")
        time.sleep(0.02)


def start_sessions(client: Dealer, folder: Path) -> list[str]:
    """Two sessions that will not end by themselves, both making pairs."""
    ids = []
    for number in (1, 2):
        answer = client.ask("start", output_path=str(folder), project_name=f"load-{number}", fonts=[str(f) for f in fonts(2)], num_samples=PLENTY, preset="plain")
        ids.append(answer["session_id"])
    end = time.monotonic() + 60
    while any(client.ask("status", session=i)["exported_samples"] == 0 for i in ids):
        if time.monotonic() > end:
            raise UnavailableError("the sessions make nothing")
        time.sleep(0.05)
    return ids


def ask_alone(client: Dealer, session: str, seconds: float) -> list[float]:
    """Latencies of one client that asks every 5 ms."""
    end, times = time.monotonic() + seconds, []
    while time.monotonic() < end:
        client.send("status", session=session)
        times.append(client.receive()[1])
        time.sleep(0.005)
    return times


def ask_many(clients: list[Dealer], session: str, seconds: float) -> list[float]:
    """Latencies of many clients, each asking once a second, evenly spread."""
    poller, by_socket = zmq.Poller(), {client.socket: client for client in clients}
    for client in clients:
        poller.register(client.socket, zmq.POLLIN)
    begin, times = time.monotonic(), []
    due = [(begin + second + i / len(clients), client) for second in range(max(1, round(seconds))) for i, client in enumerate(clients)]
    due.reverse()
    waiting = 0
    while due or waiting:
        while due and due[-1][0] <= time.monotonic():
            due.pop()[1].send("status", session=session)
            waiting += 1
        pause = max(0.0, due[-1][0] - time.monotonic()) if due else 5.0
        ready = poller.poll(pause * 1000)
        if not ready and not due:
            raise UnavailableError(f"{waiting} requests were never answered")
        for socket, _ in ready:
            times.append(by_socket[socket].receive()[1])
            waiting -= 1
    return times


@contextmanager
def reported(kind: str, process: psutil.Process, endpoint: str, latencies: list[float], **more: Any) -> Iterator[None]:
    """Run what fills `latencies`, listening to events meanwhile, and emit the line."""
    events = Events(endpoint + wire.EVENTS_SOCKET)
    with events.listening():
        before, began = sum(process.cpu_times()[:2]), time.monotonic()
        yield
        took, cpu = time.monotonic() - began, sum(process.cpu_times()[:2]) - before
    if latencies:
        more["status_ms"] = {name: round(percentile(latencies, share) * 1000, 3) for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))}
    emit("control", kind=kind, **more, requests=len(latencies), seconds=round(took, 2),
         events=events.count, events_missing=events.missing, daemon_core_share=round(cpu / took, 4))


def measure(folder: Path, seconds: float, clients: int) -> None:
    """All kinds against one daemon under load."""
    context: zmq.Context[Any] = zmq.Context()
    with daemon(folder) as (process, endpoint):
        try:
            first = Dealer(context, endpoint + wire.CONTROL_SOCKET)
            ids = start_sessions(first, folder)
            with reported("unasked", process, endpoint, []):
                time.sleep(seconds)
            alone: list[float] = []
            with reported("alone", process, endpoint, alone):
                alone += ask_alone(first, ids[0], seconds)
            many: list[float] = []
            dealers = [Dealer(context, endpoint + wire.CONTROL_SOCKET) for _ in range(clients)]
            with reported("many", process, endpoint, many, clients=clients):
                many += ask_many(dealers, ids[1], seconds)
            for session in ids:
                first.ask("cancel", session=session)
        finally:
            context.destroy(linger=0)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--clients", type=int, default=200)
    args = parser.parse_args()
    with scratch("tmpfs") as folder:
        measure(folder, 1 if args.quick else args.seconds, 10 if args.quick else args.clients)


if __name__ == "__main__":
    sys.exit(run_script("control", main))
