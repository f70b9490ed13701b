"""One session through everything that can happen to it: at its end the tree is the one of an undisturbed run."""

from __future__ import annotations

import errno

import orjson
import pytest

from fontmill.errors import FontmillError
from fontmilld.core.lifecycle import Reason
from fontmilld.store.ledger import SessionStore
from fontmilld.testing.disk import FOREVER
from fontmilld.testing.house import House, InlineWriter


def compared(files: dict[str, bytes]) -> dict[str, bytes]:
    """What must be equal in every run (I3)."""
    return {name: data for name, data in files.items()
            if name.startswith("fonts/") and not name.endswith("progress.json")}


def undisturbed(samples: int = 40) -> dict[str, bytes]:
    house = House()
    assert house.start(samples=samples).life.status == "completed"
    return compared(house.files())


def is_whole(house: House, samples: int = 40) -> bool:
    files = house.files()
    assert compared(files) == undisturbed(samples)
    assert "summary.json" in files
    assert not [name for name in files if name.endswith(".part")]
    return True


def progress_told(house: House) -> dict:
    """The project's own last word."""
    return orjson.loads(house.files()["progress.json"])


def counts_add_up(status) -> bool:
    return status["total_samples"] == status["exported_samples"] + status["failed_samples"] + status["skipped_samples"]


def test_a_session_runs_to_its_end_and_lets_go_of_the_tree():
    house = House()
    session = house.start()
    status = session.status()
    assert status["status"] == "completed"
    assert status["exported_samples"] == 80 and counts_add_up(status)
    assert status["fonts"]["completed"] == 2
    assert house.locks[0].released
    assert house.notes[session.id][0] == "completed"
    assert is_whole(house)
    summary = orjson.loads(house.files()["summary.json"])
    assert summary["exported_samples"] == 80
    told = orjson.loads(house.files()["progress.json"])
    assert (told["status"], told["phase"], told["quiescent"]) == ("completed", "completed", True)


def test_the_log_of_a_complete_session_tells_of_every_font_in_order():
    house = House()
    house.start()
    told = [(line["event"], line.get("font")) for line in map(orjson.loads, house.files()["logs/export.log"].splitlines())]
    fonts = sorted({font for _, font in told if font})
    assert len(fonts) == 2 and told[-1] == ("session-completed", None)
    for font in fonts:
        assert told.index(("font-started", font)) < told.index(("font-completed", font))


def test_fonts_that_end_together_are_put_on_record_together(monkeypatch):
    calls: list[list[str]] = []
    call, finish = InlineWriter.call, SessionStore.finish_font
    monkeypatch.setattr(InlineWriter, "call", lambda self, token, action: call(self, token, lambda store: (calls.append([]), action(store))[1]))
    monkeypatch.setattr(SessionStore, "finish_font", lambda self, font, *rest: (calls[-1].append(font), finish(self, font, *rest))[1])
    house = House()
    session = house.start(samples=1, fonts=tuple(f"/f/{name}.ttf" for name in "abcdefgh"))
    assert session.life.status == "completed"
    together = [fonts for fonts in calls if fonts]
    assert sorted(font for fonts in together for font in fonts) == sorted(info.font_id for info in session.session.fonts)
    assert len(together) < 8
    assert len(house.told("font-completed")) == 8


def test_a_line_told_after_the_end_keeps_nobody_waiting():
    house = House()
    session = house.start()
    session.telling.tell_of_font("font-completed", {"font": "late"})
    waited = []
    house.manager.wait(session.id, True, waited.append)
    house.loop.advance(1)
    assert waited and waited[0]["quiescent"]


def test_a_line_about_a_font_reaches_the_log_while_its_session_goes_on():
    house = House()
    session = house.start(settle=False, samples=500)
    house.loop.advance(1)
    assert session.status()["status"] == "active"
    assert b'"font-started"' in house.files()["logs/export.log"]


@pytest.mark.parametrize("why", ["it was not compiled", ""])
def test_a_session_without_the_compiled_core_says_so_once(caplog, why):
    house = House()
    house.no_core = why
    house.start()
    told = [line for line in map(orjson.loads, house.files()["logs/export.log"].splitlines()) if line["event"] == "without-core"]
    warned = [record for record in caplog.records if "without the compiled core" in record.getMessage()]
    assert [line["detail"] for line in told] == ["drawn without the compiled core: slower, the same pictures; it was not compiled"][:bool(why)]
    assert len(warned) == len(told)


def test_a_pause_is_acknowledged_at_once_and_quiet_when_all_is_on_record():
    house = House()
    session = house.start(settle=False, samples=500)
    status = house.manager.pause_session(session.id)
    assert status["status"] == "paused" and status["pause_reasons"] == ["user"]
    assert not status["quiescent"] and status["in_flight_samples"] > 0
    waited = []
    house.manager.wait(session.id, True, waited.append)
    assert waited == []
    house.run(10)
    assert waited and waited[0]["quiescent"]
    files = house.files()
    house.loop.advance(100)
    assert house.files() == files, "no file changes after it is quiet"
    assert house.notes[session.id] == ("paused", ("user",))
    house.manager.resume_session(session.id)
    house.run(1)
    assert session.status()["status"] == "completed"
    assert is_whole(house, 500)


def test_a_paused_session_gives_nothing_out():
    house = House()
    session = house.start(settle=False)
    session.pause(Reason.USER)
    out = len(house.waiting)
    house.run(5)
    assert len(house.drawn) == out


def test_a_cancelled_session_keeps_what_was_made_and_stays_cancelled():
    house = House()
    session = house.start(settle=False, samples=500)
    assert house.manager.cancel_session(session.id)["status"] == "failed"
    house.run(10)
    assert session.reason == "cancelled"
    assert house.locks[0].released and house.notes[session.id][0] == "failed"
    assert "summary.json" not in house.files()
    assert any(name.endswith("clear.png") for name in house.files())
    for act in (house.manager.cancel_session, house.manager.pause_session, house.manager.resume_session):
        with pytest.raises(FontmillError) as caught:
            act(session.id)
        assert (caught.value.slug, caught.value.message) == ("wrong-state", "The session has already been cancelled.")
        assert "`fontmill start`" in caught.value.action and "the same options" in caught.value.action


def test_a_cancelled_session_lets_go_of_its_tree_when_the_last_worker_dies_with_its_batch():
    house = House(workers=1)
    session = house.start(settle=False, samples=500)
    house.manager.cancel_session(session.id)
    assert not session.closed
    house.waiting[0][0].die(-9)
    house.run(10)
    assert session.closed and house.notes[session.id][0] == "failed"


def test_completing_as_it_stands_counts_the_rest_as_skipped():
    house = House()
    session = house.start(settle=False, samples=500)
    session.pause(Reason.USER)
    house.run(5)
    summaries = []
    house.manager.complete_session(session.id, summaries.append)
    house.run(5)
    status = session.status()
    assert status["status"] == "completed" and status["skipped_samples"] > 0 and counts_add_up(status)
    assert summaries[0].skipped_samples == status["skipped_samples"]


def test_a_session_that_is_cancelled_while_a_record_is_refused_becomes_quiet(monkeypatch):
    def refuse(*_: object) -> None:
        raise FontmillError("storage-failed")

    monkeypatch.setattr(SessionStore, "finish_font", refuse)
    house = House()
    house.bad_fonts = {"a"}
    session = house.start(settle=False, samples=500)
    house.busy = True
    house.work_off(4)
    house.loop.advance(1)
    assert session.status()["fonts"]["failed"] == 1 and session.life.status == "active"
    house.manager.cancel_session(session.id)
    house.run(30)
    assert session.closed and session.quiescent


@pytest.mark.parametrize("durability", ["batch", "relaxed"])
def test_what_a_completed_project_says_of_itself_is_what_its_session_says(durability):
    house = House()
    session = house.start(settle=False, samples=500, durability=durability)
    session.pause(Reason.USER)
    house.run(5)
    house.manager.complete_session(session.id, lambda summary: None)
    house.run(5)
    told, status = progress_told(house), session.status()
    assert (told["status"], told["pause_reasons"]) == ("completed", [])
    changing = {"last_updated"}
    assert {k: told[k] for k in status.keys() - changing} == {k: status[k] for k in status.keys() - changing}


@pytest.mark.parametrize(("paused", "left"), [(True, ("paused", ["user"])), (False, ("active", []))])
def test_the_tree_of_a_daemon_that_has_left_tells_of_no_reason_that_left_with_it(paused, left):
    house = House()
    session = house.start(settle=False, samples=500)
    if paused:
        house.manager.pause_session(session.id)
    house.manager.drain()
    house.run(5)
    assert "drain" in progress_told(house)["pause_reasons"], "it holds as long as the daemon is there"
    session.drain()
    house.run(1)
    told = progress_told(house)
    assert (told["status"], told["pause_reasons"]) == left
    assert (told["processing_rate"], told["quiescent"]) == (0.0, True)


def test_the_rate_that_a_running_project_says_is_that_of_its_session():
    house = House()
    session = house.start(settle=False, samples=5000)
    house.busy = True
    for _ in range(30):
        house.work_off()
        house.loop.advance(0.2)
    told, rate = progress_told(house), session.status()["processing_rate"]
    assert told["status"] == "active"
    assert rate > 0 and told["processing_rate"] == pytest.approx(rate, rel=0.5)


def test_completing_while_a_worker_dies_still_comes_to_its_end():
    house = House()
    session = house.start(settle=False, samples=500)
    session.complete_as_is()
    house.waiting[0][0].die()
    house.run(30)
    status = session.status()
    assert status["status"] == "completed" and counts_add_up(status)


def test_completing_while_the_storage_loses_something_still_comes_to_its_end():
    house = House()
    session = house.start(settle=False, samples=500)
    session.complete_as_is()
    house.work_off()
    house.fault(errno.EIO, after=len("appends"), how="lost")
    house.run(60)
    house.mend()
    house.run(60)
    status = session.status()
    assert status["status"] in {"completed", "paused"} and status["exported_samples"] <= 1000
    if status["status"] == "completed":
        assert counts_add_up(status)


def test_a_font_that_fails_takes_only_itself_out():
    house = House()
    house.bad_fonts = {"a"}
    session = house.start()
    status = session.status()
    assert status["status"] == "completed" and counts_add_up(status)
    assert (status["exported_samples"], status["failed_samples"]) == (40, 40)
    fonts = {font["font_id"]: font for font in session.fonts()}
    assert fonts["a"]["status"] == "failed" and fonts["b"]["status"] == "completed"


def test_a_refused_font_counts_as_skipped():
    house = House()
    session = house.start(fonts=("/f/a.ttf", "/f/bad.ttf"))
    status = session.status()
    assert status["status"] == "completed" and status["skipped_samples"] == 40 and counts_add_up(status)


def test_a_sample_that_cannot_be_drawn_fails_alone():
    house = House()
    house.unfit = {("a", 7), ("a", 8), ("b", 40)}
    session = house.start()
    assert session.status()["failed_samples"] == 3
    assert session.status()["exported_samples"] == 77


def test_a_poison_sample_is_quarantined_after_three_strikes_and_the_rest_completes():
    house = House()
    house.poison = {("a", 13)}
    session = house.start()
    house.run(60)
    status = session.status()
    assert status["status"] == "completed", status
    assert (status["exported_samples"], status["failed_samples"]) == (79, 1)
    assert len(house.told("worker-died")) == 3
    assert session.summary().failures


def test_a_worker_killed_without_fault_costs_nothing():
    house = House()
    session = house.start(settle=False)
    for child, *_ in list(house.waiting):
        child.die(-9)
    house.run(60)
    assert session.status()["status"] == "completed"
    assert is_whole(house)


def test_a_full_disk_pauses_with_its_reason_and_the_session_goes_on_when_there_is_room():
    house = House()
    session = house.start(settle=False)
    house.fill()
    house.run(30)
    status = session.status()
    assert status["pause_reasons"] == ["disk"], status
    calls = len(house.disk.calls)
    house.loop.advance(10)
    assert len(house.disk.calls) - calls < 400, "it does not hammer a full disk"
    house.mend()
    session.lift(Reason.DISK)
    house.run(30)
    assert session.status()["status"] == "completed", session.status()
    assert is_whole(house)


def test_a_session_that_a_full_disk_pauses_becomes_quiet_at_whatever_moment_it_filled():
    paused = 0
    for moment in state_moments():
        house = House()
        session = house.start(settle=False)
        house.fault(errno.ENOSPC, FOREVER, moment)
        house.run(10)
        if session.status()["pause_reasons"] == ["disk"]:
            paused += 1
            assert session.quiescent, (moment, session.status())
    assert paused, "it fills in time"


def calls_of_a_run(durability: str = "batch") -> tuple[list[str], int]:
    """The changes a run makes to the disk, and how many of them are before its first batch."""
    house = House()
    house.start(settle=False, durability=durability)
    before = len(house.disk.calls)
    house.run(60)
    return house.disk.calls, before


def state_moments(durability: str = "batch", of: str = "") -> list[int]:
    """When the writer changes the disk: picture files left out."""
    calls, before = calls_of_a_run(durability)
    syncs = [n - before for n, call in enumerate(calls) if "sync" in call and n >= before]
    near = {n + d for n in syncs for d in ((0,) if of == "sync" else (-2, -1, 0, 1, 2))}
    return sorted(n for n in near if n >= 0)


def test_a_disk_that_fills_at_any_moment_costs_nothing_in_the_end():
    for moment in state_moments()[::3]:
        house = House()
        session = house.start(settle=False)
        house.fault(errno.ENOSPC, 40, moment)
        for _ in range(8):
            house.run(10)
            if session.life.ended:
                break
            house.mend()
            session.lift(*session.life.reasons)
        assert session.status()["status"] == "completed", (moment, session.status())
        assert is_whole(house)


@pytest.mark.parametrize("durability", ["batch", "relaxed"])
def test_a_barrier_that_fails_at_any_moment_is_made_good_by_drawing_again(durability):
    for moment in state_moments(durability, of="sync"):
        house = House()
        session = house.start(settle=False, durability=durability)
        house.fault(errno.EIO, 1, moment, "lost")
        for _ in range(4):
            house.run(30)
        status = session.status()
        assert status["status"] == "completed", (moment, status)
        assert status["exported_samples"] == 80 and counts_add_up(status)
        assert not house.told("session-paused", session.id), "one failure pauses nobody"
        assert is_whole(house)


def test_a_storage_that_fails_now_and_then_is_no_reason_to_leave_a_font_without_its_record():
    for moment in state_moments()[::2]:
        house = House()
        session = house.start(settle=False)
        house.fault(errno.EIO, 1, moment)
        house.run(60)
        assert session.status()["status"] == "completed", (moment, session.status())
        assert is_whole(house)


def test_a_failure_from_before_a_resume_does_not_pause_the_session_again():
    house = House()
    session = house.start(settle=False)
    house.busy = True
    house.fault(errno.EACCES)
    house.work_off(1)
    house.loop.settle()
    assert session.status()["pause_reasons"] == ["fault"] and house.waiting, "a batch given out before is still out"
    house.manager.resume_session(session.id)
    house.fault(errno.EACCES)
    house.work_off(1)
    house.loop.settle()
    assert session.status()["pause_reasons"] == []
    house.mend()
    house.run(5)
    assert session.status()["status"] == "completed" and is_whole(house)


def test_a_relaxed_session_calls_durable_only_what_is_behind_a_barrier():
    house = House()
    session = house.start(settle=False, samples=500, durability="relaxed")
    house.busy = True
    house.work_off(2)
    house.loop.settle()
    status = session.status()
    assert status["exported_samples"] > 0 and status["durable_samples"] == 0
    session.pause(Reason.USER)
    house.run(5)
    status = session.status()
    assert status["durable_samples"] == status["exported_samples"] > 0
    session.lift(Reason.USER)
    house.run(60)
    assert session.status()["durable_samples"] == 1000


def test_a_session_says_how_much_is_durable_as_it_goes():
    house = House()
    session = house.start(settle=False, samples=500)
    house.busy = True
    house.work_off(2)
    house.loop.settle()
    status = session.status()
    assert status["durable_samples"] == status["exported_samples"] > 0


def test_a_pause_is_remembered_even_when_the_disk_is_full():
    house = House()
    session = house.start(settle=False)
    house.fill()
    session.pause(Reason.USER)
    house.run(5)
    assert "user" in house.notes.get(session.id, ("", ()))[1]


def test_a_tree_that_another_daemon_has_taken_is_not_written_any_more():
    house = House()
    session = house.start(settle=False)
    house.locks[0].mine = False
    session.beat_lock()
    house.loop.settle()
    written = ("fonts/a/progress.json", "fonts/a/metadata.jsonl", "progress.json")
    before = [house.files().get(name) for name in written]
    house.run(30)
    assert session.status()["status"] == "failed" and session.reason == "project-owned"
    assert [house.files().get(name) for name in written] == before


def test_status_answers_while_the_disk_hangs_and_the_memory_stays_bounded():
    house = House()
    session = house.start(settle=False, samples=100_000)
    house.writers[0].hang = True
    for _ in range(300):
        house.run()
    assert session.status()["status"] == "active"
    assert len(session.batches.records) <= 64 + 2 * house.workers
    assert len(house.drawn) < 200
    house.writers[0].hang = False
    session.pause(Reason.USER)
    house.loop.advance(5)
    assert session.quiescent


def test_events_tell_every_batch_once():
    house = House()
    session = house.start()
    told = sorted((e["font"], e["first"], e["last"]) for e in house.told("batch", session.id))
    covered = [(font, i) for font, first, last in told for i in range(first, last + 1)]
    assert len(covered) == len(set(covered)) == 80
    assert len(house.told("session-completed", session.id)) == 1


def test_a_font_file_that_changed_is_given_up_and_the_session_goes_on_with_the_others():
    house = House()
    session = house.start(settle=False, samples=400, fonts=("/f/a.ttf", "/f/b.ttf"))
    house.busy = True
    house.work_off(3)
    house.manager.font_file_changed("/f/a.ttf")
    house.loop.settle()
    assert house.told("font-changed") == [], "it was only touched: the bytes are the same"
    assert house.manager.font_files() == {"/f/a.ttf", "/f/b.ttf"}
    house.probes.changed = {"/f/a.ttf": ("font-unreadable", "The file is not a font.")}
    house.manager.font_file_changed("/f/a.ttf")
    house.manager.font_file_changed("/f/b.ttf")
    house.run(5)
    (told,) = house.told("font-changed", session.id)
    assert told["font"] == "a" and told["reason"].endswith("now it is refused: The file is not a font.")
    status = session.status()
    assert status["status"] == "completed" and status["failed_samples"] > 0
    assert status["exported_samples"] + status["failed_samples"] == 800
    one, other = session.fonts()
    assert (one["failed_samples"], other["done_samples"]) == (status["failed_samples"], 400)
    assert one["reason"] == told["reason"]
    assert house.manager.font_files() == frozenset()
