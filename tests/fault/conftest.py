"""Fixtures of the fault rigs: everything they start or mount is gone afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fault.rig import RigDaemon, Undisturbed
from system.conftest import fonts  # noqa: F401


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, fonts: list[str]) -> Undisturbed:  # noqa: F811
    """undisturbed(samples) is the tree that any run of that size must end in."""
    return Undisturbed(tmp_path_factory.mktemp("undisturbed"), fonts)


@pytest.fixture
def cleanup() -> Iterator[contextlib.ExitStack]:
    """What is entered here is left at the end, the latest first."""
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def launch(cleanup: contextlib.ExitStack, tmp_path: Path) -> Callable[..., RigDaemon]:
    """launch(root, ...) starts a daemon that does not outlive the test. Mount first, launch then."""
    def start(root: Path, *more: str, workers: int = 2, **how: Any) -> RigDaemon:
        root.mkdir(exist_ok=True, parents=True)
        daemon = RigDaemon(tmp_path / "daemon", root, workers, *more, **how)
        cleanup.callback(daemon.end)
        return daemon

    return start
