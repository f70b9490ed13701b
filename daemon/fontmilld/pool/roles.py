"""What a child process may be. The supervisor names these functions; only the child imports what draws."""

from __future__ import annotations

from collections.abc import MutableSequence

from fontmilld.pool.process import ChildEnd


def worker(end: ChildEnd, array: MutableSequence[int], slot: int) -> None:
    """Render batches; see pool/worker.py."""
    from fontmilld.pool.worker import worker_main  # noqa: PLC0415

    worker_main(end, array, slot)


def probe(end: ChildEnd, memory_bytes: int, file_seconds: float) -> None:
    """Inspect font files; see pool/probe.py."""
    from fontmilld.pool.probe import probe_main  # noqa: PLC0415

    probe_main(end, memory_bytes, file_seconds)
