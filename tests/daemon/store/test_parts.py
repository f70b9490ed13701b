"""A session that has moved: where it went on, and what may not be made a second time where it was."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from fontmill.errors import FontmillError
from fontmill.model import Part
from fontmilld.store.kernel import LinuxKernel
from fontmilld.store.parts import gone_on_in, parts_told, refuse_left
from fontmilld.testing.export import SmallExport, small_session


@pytest.fixture
def moved(tmp_path: Path) -> tuple[Path, Path]:
    """A project that its session left, and the one where it went on."""
    left, there = (tmp_path.resolve() / name / "project" for name in ("out", "spare"))
    for path in (left, there):
        SmallExport(LinuxKernel(), path=str(path)).run()
    changed(there, parts=[{"path": str(left), "fonts": {"font-0": [[1, 3]]}}])
    return left, there


def changed(project: Path, **values: object) -> None:
    file = project / "session.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def test_a_session_is_found_in_the_fallback_path_where_it_went_on(moved):
    left, there = moved
    spare = str(there.parent)
    assert gone_on_in(str(left), ["/nowhere", spare]) == spare
    assert gone_on_in(str(left), ["/nowhere"]) == gone_on_in(str(there), [spare, str(left.parent)]) == ""
    changed(there, parts=[{"path": str(left), "fonts": {}}])
    assert gone_on_in(str(left), [spare]) == spare, "after repair, too"
    shutil.rmtree(left)
    assert gone_on_in(str(left), [spare]) == spare, "whether the folder that was left is there or not"


def test_another_session_in_the_folder_has_not_moved(moved):
    left, there = moved
    changed(left, session_id="another")
    assert gone_on_in(str(left), [str(there.parent)]) == ""


def test_a_fallback_path_without_a_pair_has_nothing_that_could_be_made_twice(moved):
    left, there = moved
    shutil.rmtree(there / "fonts")
    assert gone_on_in(str(left), [str(there.parent)]) == ""


def test_a_project_that_was_left_is_refused_with_the_folder_to_name(moved):
    left, there = moved
    session = small_session(fallback_paths=(str(there.parent),))
    with pytest.raises(FontmillError, match=str(there)) as caught:
        refuse_left(str(left), session)
    assert caught.value.slug == "project-differs"
    refuse_left(str(there), session)


def test_a_part_is_in_reach_when_its_session_lies_there(moved, tmp_path):
    left, _ = moved
    parts = tuple(Part(path, {"font-0": [[1, 3]]}) for path in (str(left), str(tmp_path), "/nowhere"))
    session = replace(small_session(), parts=(*parts, Part("/brought/here", {})))
    told = parts_told(session)
    assert [(part["samples"], part["in_reach"]) for part in told] == [(3, True), (3, False), (3, False)]
    changed(left, session_id="another")
    assert not parts_told(session)[0]["in_reach"]
