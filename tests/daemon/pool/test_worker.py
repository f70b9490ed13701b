"""The worker without its process: what it writes where, and what it says of it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from importlib.metadata import files
from pathlib import Path

import pytest

from fontmill.errors import FontmillError
from fontmill.model import ExportConfig, ExportSession, FontInfo
from fontmilld.core import layout
from fontmilld.inspection import context_of
from fontmilld.pool.fontfile import font_digest, read_font
from fontmilld.pool.messages import BatchDone, BatchFailed, FontContext, RenderTask
from fontmilld.pool.vitals import Vitals
from fontmilld.pool.worker import Worker
from fontmilld.render.faces import inspect_face

FONT = next(str(file.locate()) for file in files("fontpkg-amiri") or () if file.name == "Amiri-Regular.ttf")


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> FontContext:
    data = read_font(FONT)
    project = tmp_path_factory.mktemp("out") / "project"
    (project / layout.images_dir("amiri")).mkdir(parents=True)
    return FontContext(
        session_id="s", font_id="amiri", project_path=str(project), num_samples=9, source=FONT, sha256=font_digest(data),
        face_index=0, settings=ExportConfig(num_samples=9).identity(), record=inspect_face(data, 0).to_record(),
    )


@pytest.fixture
def worker(context: FontContext) -> Worker:
    made = Worker(Vitals([0] * 64, 0))
    made.learn(context)
    return made


def drawn(worker: Worker, first: int, last: int) -> BatchDone | BatchFailed:
    return worker.render(RenderTask(1, "s", "amiri", first, last))


def test_a_batch_writes_its_pictures_and_answers_with_their_labels(worker: Worker, context: FontContext) -> None:
    answer = drawn(worker, 1, 3)
    assert isinstance(answer, BatchDone) and answer.done == 3 and not answer.failures
    images = Path(context.project_path) / layout.images_dir("amiri")
    assert len(list(images.glob("amiri_00[123]_*.png"))) == 6
    assert answer.lines.count(b"\n") == 3


def test_pictures_go_where_the_path_leads_now_not_where_it_led_before(worker: Worker, context: FontContext) -> None:
    project = Path(context.project_path)
    assert isinstance(drawn(worker, 4, 4), BatchDone)
    moved = project.with_name("moved")
    project.rename(moved)
    shutil.copytree(moved, project)
    before = sorted(moved.rglob("*.png"))
    assert isinstance(drawn(worker, 5, 5), BatchDone)
    assert sorted(moved.rglob("*.png")) == before
    assert len(list(project.rglob("amiri_005_*.png"))) == 2


def test_a_folder_that_is_gone_fails_the_batch_and_nothing_else(worker: Worker, context: FontContext) -> None:
    images = Path(context.project_path) / layout.images_dir("amiri")
    kept = images.with_name("kept")
    images.rename(kept)
    answer = drawn(worker, 6, 6)
    assert isinstance(answer, BatchFailed) and not answer.slug.startswith("font-")
    kept.rename(images)
    assert isinstance(drawn(worker, 6, 6), BatchDone)


def test_a_record_of_another_version_is_told_without_advice_that_would_not_help(worker: Worker, context: FontContext) -> None:
    worker.learn(replace(context, record={"of": "another version"}))
    answer = drawn(worker, 1, 1)
    assert isinstance(answer, BatchFailed)
    told = FontmillError(answer.slug, answer.message)
    assert "another version" in told.message and "fontmill version that wrote it" in told.action and "--force" not in str(told)


def test_what_the_supervisor_sends_of_a_record_is_all_that_a_font_is_drawn_by(worker: Worker, context: FontContext) -> None:
    whole = drawn(worker, 8, 8)
    info = FontInfo("amiri", context.source, context.sha256, 0, context.num_samples, record=context.record)
    session = ExportSession("s", "", "", "", ExportConfig(num_samples=9), (info,), {})
    other = Worker(Vitals([0] * 64, 0))
    other.learn(context_of(session, context.project_path, info))
    sent = drawn(other, 8, 8)
    assert isinstance(whole, BatchDone) and isinstance(sent, BatchDone)
    assert sent.lines == whole.lines


def test_a_font_taken_up_with_other_settings_is_drawn_with_these(worker: Worker, context: FontContext) -> None:
    before = drawn(worker, 7, 7)
    worker.learn(replace(context, settings={**context.settings, "seed": context.settings["seed"] + 1}))
    after = drawn(worker, 7, 7)
    worker.learn(context)
    again = drawn(worker, 7, 7)
    assert isinstance(before, BatchDone) and isinstance(after, BatchDone) and isinstance(again, BatchDone)
    assert after.lines != before.lines
    assert again.lines == before.lines


def test_every_change_of_what_is_drawn_makes_another_context(context: FontContext) -> None:
    changes = {"session_id": "t", "font_id": "b", "project_path": "/p", "num_samples": 1000, "source": "/f", "sha256": "0" * 64, "face_index": 1,
               "settings": {**context.settings, "preset": "plain"}}
    keys = {replace(context, **{name: value}).key for name, value in changes.items()}
    assert len({context.key, *keys}) == 1 + len(changes)
