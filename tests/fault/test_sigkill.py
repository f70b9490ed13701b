"""SIGKILL at random moments, to the daemon or to a worker: the same tree, nothing done twice, nobody left behind."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fault.rig import (
    SMALL,
    Promises,
    RigDaemon,
    Undisturbed,
    differences,
    doses,
    figure,
    finish,
    images,
    journaled,
    leftovers,
    rewritten,
)
from fontmilld.pool.prober import ATTEMPTS
from system.conftest import begin, begin_paused, tree_digest, until

pytestmark = pytest.mark.fault
SAMPLES = 1200
WORKERS = 2


class Tally:
    """Over all rounds."""

    def __init__(self) -> None:
        self.kills = self.daemon_kills = self.rework = self.worst = self.worst_batches = 0
        self.over = self.late = self.allowed = 0
        self.worst_case = ""
        self.orphan_seconds = 0.0


def a_round(daemon: RigDaemon, fonts: list[str], name: str, luck: random.Random, kills: int, tally: Tally) -> None:
    """One session, killed until it is done or `kills` are spent; then it is left in peace."""
    session = begin(daemon, fonts, name, SAMPLES, **SMALL)
    project = daemon.root / name
    promises = Promises(daemon)
    for _ in range(kills):
        time.sleep(luck.uniform(0.0, 0.7))
        status = daemon.client.status(session)
        if status["status"] == "completed":
            break
        if "crashloop" in status["pause_reasons"]:
            daemon.client.resume(session)
        if luck.random() < 0.5:
            gone = daemon.kill()
            tally.late += gone > 1.0
            tally.orphan_seconds = max(tally.orphan_seconds, gone)
            on_record, before = journaled(project), images(project)
            assert promises.lost(project) == []
            daemon.start()
            tally.daemon_kills += 1
            at_risk = WORKERS
        else:
            on_record, before = journaled(project), images(project)
            with contextlib.suppress(ProcessLookupError):
                os.kill(luck.choice(daemon.pids()), signal.SIGKILL)
            at_risk = 1
        tally.kills += 1
        settle(daemon, session)
        again = rewritten(before, images(project))
        batch = max([*promises.sizes, *lost_batches(project), 8])
        assert not again & on_record, f"on record and made again: {sorted(again & on_record)[:5]}"
        tally.rework += len(again)
        tally.allowed += batch * at_risk
        tally.worst = max(tally.worst, len(again))
        cost = -(-len(again) // (batch * at_risk))
        tally.over += cost > 1
        if cost > tally.worst_batches:
            tally.worst_batches, tally.worst_case = cost, f"{len(again)} pairs, batch {batch}, workers at risk {at_risk}"
    status = finish(daemon, session)
    promises.close()
    assert (status["status"], status["exported_samples"], status["failed_samples"]) == ("completed", SAMPLES * len(fonts), 0), status


def lost_batches(project: Path) -> list[int]:
    """Sizes of the batches that workers died with, from the project's own log: no event tells of those."""
    sizes = []
    for line in (project / "logs" / "errors.log").read_text().splitlines():
        with contextlib.suppress(ValueError):
            entry = json.loads(line)
            if entry.get("event") == "worker-died" and entry.get("batch"):
                sizes.append(entry["batch"][1] - entry["batch"][0] + 1)
    return sizes


def settle(daemon: RigDaemon, session: str) -> None:
    """Let what the kill interrupted be made again: some batches further on."""
    begun = None
    end = time.monotonic() + 10
    while time.monotonic() < end:
        status = daemon.client.status(session)
        if status["pause_reasons"]:
            return
        begun = status["exported_samples"] if begun is None else begun
        if status["status"] == "completed" or status["exported_samples"] > begun + 100:
            return
        time.sleep(0.02)


def storm(daemon: RigDaemon, fonts: list[str], wanted: dict[str, str], kills: int, seed: int) -> Tally:
    tally, number = Tally(), 0
    while tally.kills < kills:
        name = f"storm{number}"
        a_round(daemon, fonts, name, random.Random(f"{seed}/{number}"), min(60, kills - tally.kills), tally)
        project = daemon.root / name
        assert differences(tree_digest(project), wanted) == []
        assert leftovers(project) == []
        shutil.rmtree(project)
        number += 1
        figure("sigkill", seed=seed, kills=tally.kills, daemon_kills=tally.daemon_kills, rounds=number, differing=0, orphans_after_1s=tally.late,
               leftovers=0, rework_pairs=tally.rework, allowed_rework=tally.allowed, worst_rework=tally.worst,
               worst_rework_in_batches_per_worker=tally.worst_batches,
               worst_case=tally.worst_case, kills_over_one_batch_a_worker=tally.over, slowest_end_of_orphans=round(tally.orphan_seconds, 3))
    return tally


def test_a_session_that_completed_before_the_kill_is_still_known(
    launch: Callable[..., RigDaemon], tmp_path: Path, fonts: list[str],
) -> None:
    daemon = launch(tmp_path / "out")
    session = begin(daemon, fonts, "done", 4, **SMALL)
    before = finish(daemon, session)
    daemon.kill()
    daemon.start()
    after = daemon.client.wait(session)
    assert (after["status"], after["exported_samples"], after["fonts"]) == ("completed", 4 * len(fonts), before["fonts"])
    assert [font["done_samples"] for font in daemon.client.fonts(session)["fonts"]] == [4] * len(fonts)


def test_a_kill_of_every_process_that_is_born_while_fonts_are_inspected_costs_no_font(
    launch: Callable[..., RigDaemon], tmp_path: Path, fonts: list[str], undisturbed: Undisturbed,
) -> None:
    daemon = launch(tmp_path / "out", workers=WORKERS)
    until(lambda: daemon.client.status()["daemon"]["workers_ready"] == WORKERS, "all workers are there")
    known, killed, done = set(daemon.family()), [], threading.Event()

    def hunt() -> None:
        while not done.is_set() and len(killed) < ATTEMPTS - 1:  # one file may have met them all
            for pid in set(daemon.family()) - known:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                known.add(pid)
                killed.append(pid)

    hunter = threading.Thread(target=hunt)
    hunter.start()
    try:
        session = begin(daemon, fonts, "hunted", 4, **SMALL)
    finally:
        done.set()
        hunter.join()
    assert killed, "a probe was killed"
    assert finish(daemon, session)["exported_samples"] == 4 * len(fonts)
    assert differences(tree_digest(daemon.root / "hunted"), undisturbed(4)) == []


@pytest.mark.parametrize("how", ["gone", "damaged"])
def test_sessions_are_found_again_in_their_trees_when_the_index_is_lost(
    how: str, launch: Callable[..., RigDaemon], tmp_path: Path, fonts: list[str], undisturbed: Undisturbed,
) -> None:
    daemon = launch(tmp_path / "out")
    done = begin(daemon, fonts, "done", 4, **SMALL)
    finish(daemon, done)
    half = begin_paused(daemon, fonts, "half", SAMPLES, **SMALL)
    daemon.kill()
    for file in (tmp_path / "daemon" / "state").glob("sessions.sqlite*"):
        file.unlink() if how == "gone" else file.write_bytes(b"rubbish" * 999)
    daemon.start()
    until(lambda: len(daemon.client.status()["sessions"]) == 2, "both are found")
    until(lambda: daemon.client.status(half)["phase"] == "rendering", "its tree is open")
    known = daemon.client.status()["sessions"]
    assert {s["session_id"]: (s["status"], s["pause_reasons"]) for s in known} == {done: ("completed", []), half: ("paused", ["user"])}
    assert daemon.client.status(done)["exported_samples"] == 4 * len(fonts)
    daemon.client.resume(half)
    assert finish(daemon, half)["exported_samples"] == SAMPLES * len(fonts)
    assert differences(tree_digest(daemon.root / "half"), undisturbed(SAMPLES)) == []


@pytest.mark.parametrize(("kills", "seed"), doses(15, 500, 10))
def test_a_storm_of_sigkills_changes_nothing(
    kills: int, seed: int, launch: Callable[..., RigDaemon], tmp_path: Path, fonts: list[str], undisturbed: Undisturbed,
) -> None:
    wanted = undisturbed(SAMPLES)
    tally = storm(launch(tmp_path / "out", workers=WORKERS), fonts, wanted, kills, seed)
    # In all: what one kill interrupted may be made again only after the next one, so a single kill's share is not told apart.
    assert tally.rework <= tally.allowed, "kills cost more than one batch a worker each"
