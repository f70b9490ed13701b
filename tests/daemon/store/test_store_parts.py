"""Labels, journal, checkpoint, faults, logs, card and sessions: the parts of the store, one promise each."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fontmill.errors import FontmillError
from fontmilld.core import labels
from fontmilld.core.labels import is_sound, label_line, read_claim
from fontmilld.core.ranges import RangeSet
from fontmilld.store import journal, sessions
from fontmilld.store.checkpoint import (
    Checkpoint,
    Failure,
    FontState,
    Mark,
    decode,
    dump,
    merge_failures,
    without,
)
from fontmilld.store.exporter import (
    create_project_structure,
    ensure_font_directory,
    export_image,
)
from fontmilld.store.files import LocalTree
from fontmilld.store.fontscan import ranges_of
from fontmilld.store.kernel import filesystem_type, reports_writeback_errors
from fontmilld.store.ledger import SessionStore
from fontmilld.store.logs import KEPT, SessionLogs
from fontmilld.store.records import BatchRecord
from fontmilld.store.recovery import recover
from fontmilld.store.tree import fault_of
from fontmilld.testing.disk import FOREVER, Fault, SimulatedDisk
from fontmilld.testing.export import PROJECT, SmallExport, label, small_session

CLEAR, BLURRED = "f_001_clear.png", "f_001_blurred.png"


def line(index: int, **extra: object) -> bytes:
    return label_line(index, f"f_{index:03d}_clear.png", f"f_{index:03d}_blurred.png", {**label("f", index), **extra})


def new_tree(disk: SimulatedDisk | None = None) -> LocalTree:
    return LocalTree(PROJECT, create=True, kernel=disk or SimulatedDisk())


# Labels --------------------------------------------------------------------------------------------------


# Strings that the code under test has are drawn, too: those that belong to the claim are not the rest of a label.
REST = st.text().filter(lambda key: key not in labels._CLAIM_KEYS)


@given(st.integers(1, 10**9), st.dictionaries(REST, st.text() | st.integers(-(2**53), 2**53) | st.none(), max_size=4))
def test_a_line_is_json_and_its_claim_reads_back(index, rest):
    data = label("f", index)
    made = label_line(index, CLEAR, BLURRED, {**rest, **data})
    assert made.endswith(b"\n")
    assert made.count(b"\n") == 1
    parsed = json.loads(made)
    assert parsed == {**rest, **data, "index": index, "clear_file_name": f"images/{CLEAR}", "blurred_file_name": f"images/{BLURRED}"}
    claim = read_claim(made)
    assert claim is not None
    clear, blurred = claim.images
    assert (claim.index, clear.file_name, blurred.size) == (index, CLEAR, data["blurred_bytes"])
    assert clear.sha256 == data["clear_sha256"]
    assert is_sound(made)


def test_a_label_without_anything_else_is_a_line_too():
    data = {key: value for key, value in label("f", 1).items() if key != "text"}
    made = label_line(1, CLEAR, BLURRED, data)
    assert json.loads(made)["index"] == 1
    assert read_claim(made) is not None


@given(st.integers(0, 400), st.binary(min_size=1, max_size=3))
def test_a_broken_line_never_raises(at, junk):
    whole = line(1)
    broken = whole[:at] + junk + whole[at + len(junk) :]
    claim = read_claim(broken)
    assert claim is None or claim.index >= 1
    is_sound(broken)


def test_a_name_that_leads_elsewhere_is_no_claim():
    assert read_claim(label_line(1, "../x", BLURRED, label("f", 1))) is None


# Journal -------------------------------------------------------------------------------------------------


def test_lines_come_with_their_offsets_and_the_torn_one_as_it_is():
    tree = new_tree()
    tree.append("j", b"a\nbb\nccc", 0)
    assert list(journal.lines(tree, "j")) == [(0, b"a\n"), (2, b"bb\n"), (5, b"ccc")]
    assert list(journal.lines(tree, "j", 2, 5)) == [(2, b"bb\n")]
    assert b"".join(journal.prefix(tree, "j", 4)) == b"a\nbb"


def test_lines_over_the_edge_of_a_block_are_whole(monkeypatch):
    from fontmilld.store import files
    monkeypatch.setattr(files, "BLOCK", 7)
    tree = new_tree()
    data = b"".join(b"%d\n" % n for n in range(200))
    tree.append("j", data, 0)
    assert b"".join(piece for _, piece in journal.lines(tree, "j")) == data


def test_a_file_larger_than_any_of_ours_is_not_read_whole(monkeypatch):
    from fontmilld.store import files
    monkeypatch.setattr(files, "MOST_WHOLE", 100)
    tree = new_tree()
    for size in (100, 101):
        tree.write("progress.json", b"1" * size)
        assert tree.read("progress.json") == (b"1" * 100 if size == 100 else b"")
        assert tree.read("progress.json", 0, 5) == b"11111"


def test_a_line_without_end_does_not_fill_the_memory():
    tree = new_tree()
    tree.write("j", b"x" * (3 << 20) + b"\n")
    pieces = [piece for _, piece in journal.lines(tree, "j")]
    assert max(map(len, pieces)) <= 3 << 20
    assert all(read_claim(piece) is None for piece in pieces)


@given(st.permutations(range(1, 9)))
def test_lines_are_put_in_order_whatever_the_order(order):
    tree = new_tree()
    tree.append("j", b"".join(line(index) for index in order), 0)
    assert b"".join(journal.in_order(tree, "j")) == b"".join(line(index) for index in sorted(order))


def test_lines_are_left_out_by_index_and_by_offset():
    tree = new_tree()
    lines = [line(1), line(2), b"junk\n", line(3), b"torn"]
    tree.append("j", b"".join(lines), 0)
    assert b"".join(journal.without(tree, "j", RangeSet.span(2, 2))) == lines[0] + lines[3]
    assert b"".join(journal.less(tree, "j", {len(lines[0])}, sum(map(len, lines)))) == b"".join([lines[0], *lines[2:]])


# Checkpoint ----------------------------------------------------------------------------------------------


def test_a_checkpoint_reads_back():
    failures = (Failure("text-unfit", "why", RangeSet.span(4, 5)),)
    state = FontState("f", RangeSet.of([(1, 3), (6, 6)]), failures, 900, Mark(800, 3), False)
    checkpoint = Checkpoint(state, Mark(700, 2), "boot", {"font_name": "f", "done": "overridden"})
    back = decode(checkpoint.encode("now"))
    assert back is not None
    assert (back.state, back.previous, back.boot_id) == (state, Mark(700, 2), "boot")
    assert back.display["font_name"] == "f"
    assert back.encode("later") == replace(back, display=back.display).encode("later")


@pytest.mark.parametrize("data", [b"", b"{", b"null", b"[]", b"{}", b'{"schema_version": "x"}', b"\x00" * 50])
def test_a_damaged_checkpoint_is_none(data):
    assert decode(data) is None


def test_every_prefix_of_a_checkpoint_is_none():
    whole = Checkpoint(FontState("f", RangeSet.span(1, 3), (), 9, Mark(9, 3))).encode("now")
    assert all(decode(whole[:n]) is None for n in range(len(whole) - 2))


def test_a_checkpoint_of_a_newer_fontmill_is_an_error():
    with pytest.raises(FontmillError) as caught:
        decode(b'{"schema_version": 99}')
    assert caught.value.slug == "unsupported-schema"


def test_failures_of_one_reason_are_one_entry():
    a, b = Failure("x", "why", RangeSet.span(1, 1)), Failure("x", "why", RangeSet.span(2, 2))
    other = Failure("y", "r" * 2000, RangeSet.span(3, 3))
    merged = merge_failures((a,), (b, other))
    assert merged == (Failure("x", "why", RangeSet.span(1, 2)), Failure("y", "r" * 500, RangeSet.span(3, 3)))
    assert without(merged, RangeSet.span(1, 3)) == ()
    assert without(merged, RangeSet.span(2, 3)) == (Failure("x", "why", RangeSet.span(1, 1)),)


@given(st.sets(st.integers(1, 60)))
def test_flags_become_ranges(indices):
    flags = bytearray(61)
    for index in indices:
        flags[index] = 1
    assert ranges_of(flags) == RangeSet.of((i, i) for i in indices)


# Ledger --------------------------------------------------------------------------------------------------


@pytest.fixture
def store():
    disk = SimulatedDisk()
    tree = new_tree(disk)
    create_project_structure(tree, small_session())
    return SessionStore(tree, small_session(), now=lambda: "now")


def test_the_cost_of_a_batch_does_not_grow(store):
    """I8: as many calls and bytes for the last batch as for the second."""
    disk = store.tree._kernel
    export = SmallExport(disk, small_session(samples=900))
    store = SessionStore(store.tree, export.session, now=lambda: "now")
    written: list[tuple[int, int]] = []
    for first in range(1, 900, 3):
        record = export.render(store, "font-0", first, first + 2)
        calls, size = len(disk.calls), len(record.lines)
        store.append(record)
        store.commit()
        written.append((len(disk.calls) - calls, size))
    assert {calls for calls, _ in written[1:]} == {7}
    assert len(disk.files(PROJECT)["fonts/font-0/progress.json"]) < 700


def test_a_batch_that_does_not_add_up_is_an_internal_error(store):
    for record in (BatchRecord("font-0", 1, 2, RangeSet.span(1, 2), (), line(1)), BatchRecord("font-0", 1, 1, RangeSet(), (), line(1))):
        with pytest.raises(FontmillError) as caught:
            store.append(record)
        assert caught.value.slug == "internal"


def test_a_batch_cannot_be_recorded_twice(store):
    record = SmallExport(store.tree._kernel).render(store, "font-0", 1, 3)
    store.append(record)
    with pytest.raises(FontmillError, match="repeats"):
        store.append(record)


def test_display_fields_reach_the_checkpoint_but_cannot_forge_it(store):
    record = SmallExport(store.tree._kernel).render(store, "font-0", 1, 3)
    store.append(replace(record, display={"status": "processing", "completed_images": 6, "done": [[1, 999]]}))
    store.commit()
    raw = json.loads(store.tree.read("fonts/font-0/progress.json"))
    assert (raw["status"], raw["completed_images"], raw["done"]) == ("processing", 6, [[1, 3]])


def test_progress_is_written_with_the_next_commit_or_at_once(store):
    store.save_progress({"status": "active"})
    assert store.tree.size("progress.json") is None
    store.commit()
    assert json.loads(store.tree.read("progress.json"))["status"] == "active"
    store.save_progress({"status": "paused"}, flush=True)
    assert json.loads(store.tree.read("progress.json"))["status"] == "paused"


def test_a_font_without_any_sample_has_a_record_and_no_labels(store):
    store.append(BatchRecord("font-0", 1, 7, RangeSet(), (Failure("text-unfit", "why", RangeSet.span(1, 7)),)))
    store.finish_font("font-0", {"family": "F"})
    store.settle()
    record = json.loads(store.tree.read("fonts/font-0/metadata.json"))
    assert record["samples"] == {"requested": 7, "done": 0, "failed": {"text-unfit": 7}}
    assert store.tree.size("fonts/font-0/metadata.jsonl") is None


# Faults --------------------------------------------------------------------------------------------------


FAULTS = {
    "disk-full": ("ENOSPC", "EDQUOT"),
    "path-unwritable": ("EACCES", "EPERM", "EROFS", "ENOENT"),
    "path-not-allowed": ("ELOOP", "ENOTDIR"),
    "storage-failed": ("EIO", "ESTALE", "ETIMEDOUT", "EINTR", "EAGAIN", "ENETDOWN", "ENOTCONN", "ECONNABORTED", "EBUSY", "EREMOTEIO"),
}


@pytest.mark.parametrize(("slug", "name"), [(slug, name) for slug, names in FAULTS.items() for name in names])
def test_every_errno_has_its_slug_and_no_path_in_it(slug, name):
    fault = fault_of(OSError(getattr(errno, name), "text", "/secret/path"), "write")
    assert fault.slug == slug
    assert fault.details == {"errno": name, "op": "write"}
    assert "/secret" not in str(fault)
    assert fault.kind.retryable == (slug == "storage-failed")


@pytest.mark.parametrize("op", ["open", "read", "readdir", "stat"])
def test_what_may_not_be_read_is_not_called_unwritable(op):
    for code in (errno.EACCES, errno.EPERM):
        assert fault_of(OSError(code, "text"), op).slug == "path-unreadable"
    assert fault_of(OSError(errno.EIO, "text"), op).slug == "storage-failed"


def test_kernels_that_keep_quiet_about_write_back_are_known():
    assert reports_writeback_errors("5.8.0")
    assert reports_writeback_errors("6.18.44-fc-v669")
    assert not reports_writeback_errors("5.7.19-generic")
    assert not reports_writeback_errors("4.19")


def test_the_type_of_a_file_system_is_told(tmp_path):
    import os
    fd = os.open("/dev/shm", os.O_RDONLY)
    assert filesystem_type(fd) == 0x01021994
    os.close(fd)
    assert filesystem_type(-1) == 0


# Logs ----------------------------------------------------------------------------------------------------


def test_log_lines_are_json_and_rotate_by_size():
    disk = SimulatedDisk()
    logs = SessionLogs(new_tree(disk), now=lambda: "now", max_bytes=200)
    logs._tree.make_dir("logs")
    for number in range(40):
        logs.export("batch", number=number, text="ä\n")
        logs.flush()
    files = disk.files(PROJECT)
    assert set(files) == {"logs/export.log", *(f"logs/export.log.{n}" for n in range(1, KEPT + 1))}
    assert all(len(data) <= 200 for data in files.values())
    lines = [json.loads(text) for data in files.values() for text in data.splitlines()]
    assert max(entry["number"] for entry in lines) == 39


def test_a_torn_last_line_of_a_log_is_ended():
    tree = new_tree()
    tree.make_dir("logs")
    tree.write("logs/errors.log", b'{"torn')
    logs = SessionLogs(tree, now=lambda: "now")
    logs.error("failed", slug="x")
    logs.flush()
    assert tree.read("logs/errors.log").splitlines()[1].startswith(b'{"at":"now"')


def test_a_log_that_cannot_be_written_costs_its_lines_only():
    disk = SimulatedDisk()
    tree = new_tree(disk)
    tree.make_dir("logs")
    logs = SessionLogs(tree)
    disk.faults = (Fault(1, "error", errno.ENOSPC, FOREVER),)
    logs.performance("rate", value=1)
    logs.flush()
    assert logs.dropped == 1
    disk.faults = ()
    logs.performance("rate", value=2)
    logs.flush()
    assert tree.read("logs/performance.log").count(b"\n") == 1


# Exporter ------------------------------------------------------------------------------------------------


def test_an_image_that_cannot_be_written_is_a_result_not_an_exception():
    disk = SimulatedDisk()
    tree = new_tree(disk)
    assert export_image(tree, "a.png", b"123").file_size == 3
    disk.faults = (Fault(1, "error", errno.ENOSPC, FOREVER),)
    result = export_image(tree, "b.png", b"123")
    assert not result.success
    assert result.error is not None
    assert (result.error.code, result.error.retryable) == ("disk-full", False)


def test_a_font_folder_needs_a_font_id():
    tree = new_tree()
    assert ensure_font_directory(tree, "inter") == "fonts/inter/images"
    for name in ("../x", "", "A", "a.b", "a/b"):
        with pytest.raises(FontmillError):
            ensure_font_directory(tree, name)


def test_a_record_is_dumped_as_its_map_is():
    session = small_session(text_sha256="ab", fallback_paths=("/b", "/c"))
    odd = {"names": {"é": ("a", 1, None, 0.1)}, "axes": [{"tag": "wght", "range": (1.5, 2)}], "none": {}}
    session = replace(session, fonts=(replace(session.fonts[0], record=odd), session.fonts[1]))
    assert dump(session) == dump(session.to_dict())
    assert dump(session.config) == dump(session.config.to_dict())


# Sessions ------------------------------------------------------------------------------------------------


def test_only_a_font_without_a_folder_is_new_to_a_tree():
    export = SmallExport(SimulatedDisk())
    tree = LocalTree(PROJECT, create=True, kernel=export.kernel)
    assert create_project_structure(tree, small_session(fonts=1)).new_fonts == ("font-0",)
    assert create_project_structure(tree, small_session(fonts=3)).new_fonts == ("font-1", "font-2")
    assert create_project_structure(tree, small_session(fonts=3)).new_fonts == ()


def test_recovery_finds_pairs_of_fonts_that_are_not_new_even_when_the_session_file_was_lost():
    export = SmallExport(SimulatedDisk())
    export.run()
    tree = LocalTree(PROJECT, kernel=export.kernel)
    tree.remove("session.json")
    tree.remove("summary.json")
    wider = small_session(fonts=3)
    new = create_project_structure(tree, wider).new_fonts
    found = recover(tree, wider, new_fonts=new, boot_id="boot").fonts
    assert [len(font.state.done) for font in found.values()] == [7, 7, 0]
    assert found["font-2"] == recover(tree, wider, boot_id="boot").fonts["font-2"]


def test_a_session_is_loaded_where_it_is_now():
    tree = new_tree()
    create_project_structure(tree, small_session())
    assert sessions.load_session(tree) == small_session()
    moved = sessions.load_session(tree, "/elsewhere/other")
    assert (moved.output_path, moved.project_name) == ("/elsewhere", "other")


def test_no_session_is_told_from_a_damaged_one():
    tree = new_tree()
    with pytest.raises(FontmillError) as caught:
        sessions.load_session(tree)
    assert caught.value.slug == "unknown-session"
    assert not sessions.has_session(tree)


def session_dict(**changes: object) -> dict[str, object]:
    return {**small_session().to_dict(), **changes}


def font_dict(**changes: object) -> list[dict[str, object]]:
    return [{**small_session().fonts[0].to_dict(), **changes}]


HOSTILE = {
    "nothing": b"", "no json": b"{", "no map": b"[]", "no keys": b"{}",
    "a way out as font id": dump(session_dict(fonts=font_dict(font_id="../../etc"))),
    "an absolute font id": dump(session_dict(fonts=font_dict(font_id="/etc"))),
    "a font twice": dump(session_dict(fonts=font_dict() * 2)),
    "a way out as project": dump(session_dict(project_name="..")),
    "endless samples": dump(session_dict(config={**small_session().config.to_dict(), "num_samples": 10**15})),
    "no samples": dump(session_dict(config={**small_session().config.to_dict(), "num_samples": 0})),
    "more than asked for": dump(session_dict(fonts=font_dict(total_samples=10**6))),
    "text for a number": dump(session_dict(fonts=font_dict(total_samples="7"))),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_session_file_from_anywhere_is_checked_before_it_is_believed(what):
    tree = new_tree()
    tree.write("session.json", HOSTILE[what])
    with pytest.raises(FontmillError) as caught:
        sessions.load_session(tree)
    assert caught.value.slug == "tree-corrupt"


def test_a_session_of_a_newer_fontmill_is_refused():
    tree = new_tree()
    tree.write("session.json", dump(session_dict(schema_version=2)))
    with pytest.raises(FontmillError) as caught:
        sessions.load_session(tree)
    assert caught.value.slug == "unsupported-schema"


def test_sessions_are_found_in_an_output_path_with_how_far_they_are(tmp_path):
    from fontmilld.store.kernel import LinuxKernel
    from fontmilld.testing.disk import SimulatedKill

    output = tmp_path.resolve()
    SmallExport(LinuxKernel(), path=f"{output}/done", unfit=RangeSet.span(4, 4)).run()

    class Dying(LinuxKernel):
        syncs = 0

        def syncfs_covers(self, fd: int) -> bool:
            return True  # also on overlayfs, where nothing calls syncfs

        def syncfs(self, fd: int) -> None:
            self.syncs += 1
            if self.syncs == 3:
                raise SimulatedKill
            super().syncfs(fd)

    with pytest.raises(SimulatedKill):
        SmallExport(Dying(), path=f"{output}/half").run()
    found = {one.path: one for one in sessions.find_sessions(str(output))}
    assert set(found) == {f"{output}/done", f"{output}/half"}
    done, half = found[f"{output}/done"], found[f"{output}/half"]
    assert (done.completed, done.done_samples, done.failed_samples) == (True, 12, 2)
    assert (half.completed, half.done_samples) == (False, 6)
    assert [one.path for one in sessions.find_sessions(f"{output}/half")] == [f"{output}/half"]
    assert sessions.find_sessions(f"{output}/none") == []
    for place in (f"{output}/half/progress.json", f"{output}/done/fonts/font-0/progress.json"):
        os.remove(place)
        os.mkfifo(place)
    assert {one.path for one in sessions.find_sessions(str(output))} == {f"{output}/done", f"{output}/half"}
