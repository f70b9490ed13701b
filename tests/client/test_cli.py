"""The command line against a daemon that answers from a script: words, JSON shapes, exit statuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import fontmill
from fontmill.cli import private, projects, resume, run, table
from fontmill.cli.output import Output
from fontmill.cli.text import clean, duration, outcome, why
from fontmill.errors import CATALOGUE, FontmillError, how_to_go_on

fake = sys.modules["fake_daemon"]
Cli = Callable[..., Any]
START = ("--out", "/data", "--project", "plates", "--fonts", "/fonts")


def one_line(shown: str) -> bool:
    return shown.startswith("fontmill: ") and shown.count("\n") == 1 and "Traceback" not in shown


@pytest.mark.parametrize(("words", "told"), [
    ((), "A command is required."), (("bogus",), "There is no command 'bogus'."), (("status", "--bogus"), "--bogus"),
    (("pause",), "SESSION"), (("ping", "--timeout", "x"), "--timeout"), (("ping", "--timeout", "0"), "--timeout"),
    (("start", *START, "--samples", "0"), "--samples: at least 1 is required, not 0."),
    (("run", *START, "--samples", "many"), "--samples: a whole number is required, not 'many'."),
    (("run", *START, "--width", "9"), "--width: at least 16"), (("run", *START, "--height", "99999"), "--height: at most 4096"),
    (("run", *START, "--preset", "none"), "--preset: choose one of"), (("run", *START, "--seed", "-1"), "--seed: at least 0"),
    (("run", *START, "--workers", "0"), "--workers: "), (("run", "--out", "/data", "--fonts", "f"), "--project: this argument is required."),
    (("run",), "--out, --project and --fonts are required. See `fontmill run --help`."), (("start", "--out", "/data"), "--project and --fonts are required."),
    (("run", *START, "--project", "../x"), "--project: only letters"), (("run", *START, "--recipe", "/nowhere.toml"), "--recipe: /nowhere.toml cannot be read"),
    (("start", *START, "--workers", "2"), "--workers"), (("resume", "s", "--all"), "exclude each other"),
    (("run", *START[2:], "--out", "/nowhere/at/all"), "--out: the folder /nowhere/at does not exist."), (("events", "--since", "-4"), "since: at least 0"), (("status", ""), "No daemon"),
])
def test_usage_errors_are_one_line(cli: Cli, words: tuple[str, ...], told: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FONTMILL_SOCKET", str(tmp_path / "none.sock"))
    monkeypatch.setattr(private, "command", lambda *_: pytest.fail("a daemon was started"))
    done = cli(*words)
    assert one_line(done.err), done.err
    assert told in done.err
    assert done.out == ""
    assert done.code == (3 if told == "No daemon" else 2)


@pytest.mark.parametrize("words", [
    ("ping",), ("status",), ("status", "s"), ("list",), ("wait", "s"), ("pause", "s"), ("resume",), ("watch",), ("events",),
    ("fonts", "s"), ("cancel", "s"), ("complete", "s"), ("shutdown",), ("hello",), ("start", *START),
])
def test_not_running(cli: Cli, words: tuple[str, ...], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FONTMILL_SOCKET", str(folder / "control.sock"))
    done = cli(*words)
    assert (done.code, done.out) == (3, "")
    lost = f", and there is no project folder {Path.cwd() / 's'}" if words[1:2] == ("s",) else ""
    assert done.err == f"fontmill: No daemon answers on {folder}/control.sock{lost}. Start fontmilld, or use `fontmill run`, which needs none.\n"
    assert json.loads(cli(*words, "--json").out)["error"]["n"] == "not-running"


@pytest.mark.parametrize("slug", sorted(CATALOGUE))
def test_every_error_of_the_daemon_has_its_exit_status_and_one_line(cli: Cli, daemon: Any, slug: str) -> None:
    daemon.answers["cancel"] = FontmillError(slug, "It\nbroke\x1b[31m.")
    done = cli("cancel", "s", "--json")
    assert done.code == CATALOGUE[slug].exit_status
    assert one_line(done.err)
    assert "\x1b" not in done.err
    assert json.loads(done.out)["error"]["n"] == slug


def test_unexpected_errors_have_no_traceback(cli: Cli, daemon: Any) -> None:
    daemon.answers["list"] = 5
    done = cli("list")
    assert (done.code, one_line(done.err)) == (1, True)


def test_help_and_version(cli: Cli) -> None:
    assert cli("--version").out == f"fontmill {fontmill.__version__}\n"
    assert cli("help", "run").out == cli("run", "--help").out
    for words in (("--help",), ("-h",), ("help",), *((name, "--help") for name in table.COMMANDS)):
        done = cli(*words)
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith("usage: fontmill")


@pytest.mark.parametrize("words", [("--json", "list"), ("list", "--json")])
def test_global_options_stand_before_or_after_the_verb(cli: Cli, daemon: Any, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FONTMILL_SOCKET")
    daemon.answers["list"] = {"sessions": []}
    assert json.loads(cli(*words, "--socket", daemon.path).out) == {"sessions": []}
    assert json.loads(cli("--socket", daemon.path, *words).out) == {"sessions": []}


def test_start_sends_absolute_paths_and_every_option(cli: Cli, daemon: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    daemon.answers["start"] = {"session_id": "5e55", "project_path": "/p", "resumed": False, "refused_fonts": []}
    done = cli(
        "start", "--fonts", "a", "~/b", "--out", "../out", "--project", "plates", "--fonts", "/c", "--samples", "7", "--width", "128",
        "--height", "32", "--seed", "9", "--preset", "plain", "--style-variations", "--special-effects", "--text", "numbers",
        "--color", "rgb", "--fallback", "f", "--durability", "relaxed", "--force", "--json",
        "--lines", "2", "--min-words", "2", "--max-words", "3", "--min-chars", "4", "--max-chars", "5", "--effects", "shadow", "glow",
        "--licences", "OFL-1.1", "--png-level", "6", "--masks", "--psf-images", "--compress-metadata",
    )
    assert done.code == 0
    assert json.loads(done.out)["session_id"] == "5e55"
    assert daemon.requests[0].key
    assert daemon.requests[0].args == {
        "output_path": str(tmp_path.parent / "out"), "project_name": "plates", "num_samples": 7, "image_width": 128, "image_height": 32,
        "fonts": [str(tmp_path / "a"), "/home/me/b", "/c"], "seed": 9, "preset": "plain", "style_variations": True,
        "enable_special_effects": True, "text": "numbers", "color": "rgb", "fallback_paths": [str(tmp_path / "f")],
        "durability": "relaxed", "force": True, "preset_source": "", "text_content": "", "text_lines": 2, "text_min_words": 2,
        "text_max_words": 3, "text_min_chars": 4, "text_max_chars": 5, "effects": ["shadow", "glow"], "licences": ["OFL-1.1"], "png_level": 6,
        "masks": True, "psf_images": True, "compress_metadata": True,
    }


def test_text_sources_that_fonts_cannot_draw_are_told_at_the_start(cli: Cli, daemon: Any, tmp_path: Path) -> None:
    many = [f"f{number}" for number in range(9)]
    daemon.answers["start"] = {"session_id": "5e55", "project_path": "/p", "resumed": False, "lacking_text": {"codes": ["amiri"], "user": many}}
    told = cli("start", "--fonts", tmp_path, "--out", tmp_path, "--project", "p").err.splitlines()
    assert told[0] == "no text from codes in amiri: the fonts cannot draw it, other sources take its share"
    assert "in f0, f1, f2, f3, f4 and 4 more:" in told[1]


def test_many_refusals_of_one_kind_are_summed_up_by_reason_and_few_are_told_one_by_one(cli: Cli, daemon: Any, tmp_path: Path) -> None:
    def refused(slug: str, reason: str, number: int) -> list[dict[str, str]]:
        return [{"source": f"/f/{slug}-{reason}-{n}.ttf", "slug": slug, "reason": reason} for n in range(number)]

    odd = [one for number in range(12) for one in refused("font-crashed", f"signal {number}", 1)]
    daemon.answers["start"] = {"session_id": "5e55", "project_path": "/p", "resumed": False, "refused_fonts": [
        *refused("font-licence", "GPL", 98), *refused("font-unreadable", "empty", 2), *refused("font-licence", "MIT", 1), *odd]}
    told = cli("start", "--fonts", tmp_path, "--out", tmp_path, "--project", "p").err.splitlines()
    assert told[:4] == [
        "refused: 98 fonts, such as /f/font-licence-GPL-0.ttf: GPL", "refused: /f/font-licence-MIT-0.ttf: MIT",
        "refused: /f/font-unreadable-empty-0.ttf: empty", "refused: /f/font-unreadable-empty-1.ttf: empty",
    ]
    assert told[4].endswith("signal 0") and told[14:] == ["refused: 2 more fonts, for the like"]


@pytest.mark.parametrize(("number", "lines"), [(4, 8), (10, 2)])
def test_where_every_font_is_refused_many_are_told_by_reason(cli: Cli, daemon: Any, tmp_path: Path, number: int, lines: int) -> None:
    refused = [{"source": f"/f/{n}.ttf", "slug": "font-licence", "reason": reason} for n in range(number) for reason in ("GPL", "MIT")]
    daemon.answers["start"] = FontmillError("no-usable-fonts", "", {"refused": refused})
    told = cli("start", "--fonts", tmp_path, "--out", tmp_path, "--project", "p").err.splitlines()
    assert len(told) == lines + 1 and {"refused: /f/0.ttf: GPL", "refused: /f/0.ttf: MIT"} <= set(told)
    assert told[-1].startswith("fontmill: Every font was refused.")


def test_a_recipe_and_options_that_win_over_it(cli: Cli, daemon: Any, tmp_path: Path) -> None:
    recipe = tmp_path / "plates.toml"
    recipe.write_text('output_path = "out"\nproject_name = "plates"\nfonts = ["fonts", "/abs"]\nnum_samples = 5\nseed = 3\nstyle_variations = true\nworkers = 2\n')
    daemon.answers["start"] = {"session_id": "5e55"}
    assert cli("start", "--recipe", recipe, "--samples", "6", "--no-style-variations").code == 0
    args = daemon.requests[0].args
    assert (args["output_path"], args["fonts"]) == (str(tmp_path / "out"), [str(tmp_path / "fonts"), "/abs"])
    assert (args["num_samples"], args["seed"], args["style_variations"]) == (6, 3, False)


@pytest.mark.parametrize(("text", "told"), [
    ("samples = 5", "unknown key 'samples'"), ("num_samples = ", "is not TOML"), ("num_samples = 'x'\nproject_name='p'", "--samples: a whole number"),
    ("fonts = 5\noutput_path='/d'\nproject_name='p'", "--fonts: a list is required."), ("workers = 'x'", "--workers: "),
])
def test_bad_recipes(cli: Cli, tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "r.toml").write_text(text)
    done = cli("run", "--recipe", tmp_path / "r.toml", "--out", "/data") if "output_path" not in text else cli("run", "--recipe", tmp_path / "r.toml")
    assert (done.code, one_line(done.err)) == (2, True)
    assert told in done.err


def test_a_session_that_looks_like_a_path_is_made_absolute(cli: Cli, daemon: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plates").mkdir()
    daemon.answers["status"] = fake.status()
    for named in ("plates", "./plates", "5e55"):
        cli("status", named)
    (tmp_path / "plates/session.json").touch()
    cli("status", "plates")
    path = str(tmp_path / "plates")
    assert [request.args["session"] for request in daemon.requests] == ["plates", path, "5e55", path]


def test_status(cli: Cli, daemon: Any) -> None:
    daemon.answers["status"] = lambda r: fake.status() if "session" in r.args else {"daemon": {"pid": 7}, "sessions": [fake.status()]}
    assert json.loads(cli("status", "s", "--json").out) == fake.status()
    assert json.loads(cli("status", "--json").out) == {"daemon": {"pid": 7}, "sessions": [fake.status()]}
    shown = cli("status", "s").out
    assert "10 of 40 (25 %), 0 failed, 0 skipped" in shown
    assert "/data/plates" in shown
    shown = cli("status").out
    assert "process 7" in shown.splitlines()[0]
    assert "10/40" in shown.splitlines()[-1]


@pytest.mark.parametrize("command", ["status", "fonts", "why", "complete", "verify"])
def test_a_session_that_is_no_folder_either_is_told_as_such(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.chdir(folder)
    (folder / "plates").mkdir()
    for named, told, action in (
        ("plates", "in", "`fontmill detect plates` finds"), (f"{folder}/plates", "in", f"`fontmill detect {folder}/plates`"),
        ("typo", "folder", "Start fontmilld"), ("./typo", "folder", "Start fontmilld"),
    ):
        done = cli("--socket", folder / "none.sock", command, named)
        assert (done.code, one_line(done.err)) == (3, True)
        assert f", and there is no project {told} {folder / named}. {action}" in done.err


@pytest.mark.parametrize(("command", "told"), [
    ("pause", "If a `fontmill run` works on it, Ctrl-C there pauses it; `fontmill why {folder}` says who does."),
    ("resume", how_to_go_on("{folder}")),
    ("why", "Start fontmilld, or use `fontmill run`, which needs none."),
])
def test_a_command_that_needs_a_daemon_says_what_does_the_same_for_a_folder(cli: Cli, folder: Path, command: str, told: str) -> None:
    (folder / "session.json").touch()
    done = cli("--socket", folder / "none.sock", command, folder)
    assert (done.code, done.err) == (3, f"fontmill: No daemon answers on {folder}/none.sock. {told.format(folder=folder)}\n")


def test_a_session_that_a_daemon_does_not_know_and_that_is_no_folder_is_told_as_such(
    cli: Cli, daemon: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    daemon.answers["why"] = FontmillError("unknown-session", "There is no session 'plates'.")
    assert f"There is no session 'plates', and there is no project folder {tmp_path}/plates. Run" in cli("why", "plates").err


@pytest.mark.parametrize(("said", "code"), [
    (json.dumps({"schema_version": 1, "stats": {}, **fake.status(status="paused")}), 0), ("[]", 3), ("{", 3), ('{"session_id": 7}', 3), (None, 3),
    ("[" * 100_000, 3), ('{"session_id": "x"}', 3), (json.dumps(fake.status(pause_reasons=7)), 3), (json.dumps(fake.status(exported_samples=None)), 3),
])
def test_status_of_a_folder_without_a_daemon_is_what_the_project_said_last(
    cli: Cli, tmp_path: Path, said: str | None, code: int, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("FONTMILL_SOCKET", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr("fontmill.endpoint.SYSTEM_SOCKET", str(tmp_path / "none.sock"))
    if said is not None:
        (tmp_path / "progress.json").write_text(said)
    done = cli("status", str(tmp_path), "--json")
    assert done.code == code
    if code == 0:
        assert json.loads(done.out) == fake.status(status="paused")
        assert "the project itself said last" in done.err
    else:
        assert json.loads(done.out)["error"]["n"] == "not-running"


def test_a_last_word_of_work_under_way_is_told_where_the_folder_cannot_be_read(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("FONTMILL_SOCKET", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr("fontmill.endpoint.SYSTEM_SOCKET", str(tmp_path / "none.sock"))
    (tmp_path / "progress.json").write_text(json.dumps(fake.status()))
    (tmp_path / "session.json").write_text("[]")
    done = cli("status", str(tmp_path), "--json")
    halted = {"status": "interrupted", "phase": "interrupted", "processing_rate": 0.0, "estimated_time_remaining": None, "bottleneck": ""}
    assert (done.code, json.loads(done.out)) == (0, fake.status(**halted))
    shown = cli("status", str(tmp_path)).out
    assert "interrupted (nobody works on it)" in shown and not any(row in shown for row in ("rate ", "phase ", "active"))
    assert cli("fonts", str(tmp_path)).code == 1


@pytest.mark.parametrize(("told", "stands"), [
    ({"status": "paused", "pause_reasons": ["user"]}, True), ({"status": "paused", "pause_reasons": ["drain", "user"]}, False),
    ({"status": "completed"}, True), ({"status": "failed"}, True), ({"status": "active"}, False),
])
def test_a_last_word_that_may_not_hold_any_more_is_held_against_the_folder(
    cli: Cli, tmp_path: Path, told: dict[str, Any], stands: bool, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("FONTMILL_SOCKET", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr("fontmill.endpoint.SYSTEM_SOCKET", str(tmp_path / "none.sock"))
    monkeypatch.setattr("fontmill.cli.sessions.read", lambda call, named: fake.status(exported_samples=17))
    (tmp_path / "progress.json").write_text(json.dumps(fake.status(**told)))
    (tmp_path / "session.json").write_text("{}")
    shown = json.loads(cli("status", str(tmp_path), "--json").out)
    assert shown["exported_samples"] == (10 if stands else 17)


OPENING = fake.status(phase="preparing", total_samples=0, exported_samples=0, processing_rate=0.0, durable_samples=0, estimated_time_remaining=None, fonts={})


def test_a_session_that_is_being_opened_shows_no_counters_as_if_its_work_were_lost(cli: Cli, daemon: Any) -> None:
    daemon.answers |= {
        "status": lambda r: OPENING if "session" in r.args else {"daemon": {}, "sessions": [OPENING]}, "list": {"sessions": [OPENING]},
    }
    for words in (("status", "s"), ("status",), ("list",), ("resume",)):
        shown = cli(*words).out
        assert "looking at what is there" in shown and not any(told in shown for told in ("0/0", "0 of 0 pairs", "0.0 pairs/s", "0 (")), shown
    assert json.loads(cli("status", "s", "--json").out) == OPENING
    daemon.answers["status"] = {**OPENING, "status": "paused", "pause_reasons": ["fault"]}
    assert cli("status", "s").out.splitlines()[-1] == "status     paused (the storage failed)"


@pytest.mark.parametrize("plant", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_nothing_in_place_of_a_project_s_progress_holds_status_up(
    cli: Cli, tmp_path: Path, plant: Any, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("FONTMILL_SOCKET", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr("fontmill.endpoint.SYSTEM_SOCKET", str(tmp_path / "none.sock"))
    plant(tmp_path / "progress.json")
    assert cli("status", str(tmp_path)).code == 3


def test_status_of_a_folder_that_the_daemon_does_not_know_is_what_the_project_said_last(
    cli: Cli, daemon: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    daemon.answers["status"] = FontmillError("unknown-session")
    (tmp_path / "progress.json").write_text(json.dumps(fake.status(status="paused")))
    assert cli("status", str(tmp_path)).code == 1, "a socket is named: that daemon's word counts"
    monkeypatch.delenv("FONTMILL_SOCKET", raising=False)
    monkeypatch.setattr("fontmill.endpoint.find_socket", lambda: str(daemon.path))
    done = cli("status", str(tmp_path), "--json")
    assert (done.code, json.loads(done.out)["status"]) == (0, "paused")


def test_list(cli: Cli, daemon: Any) -> None:
    daemon.answers["list"] = {"sessions": []}
    assert cli("list").out == "no sessions\n"
    daemon.answers["list"] = {"sessions": [fake.status(project_name="evil\x1b]0;x\x07", status="paused", pause_reasons=["disk"])]}
    shown = cli("list").out
    assert "\x1b" not in shown
    assert "waiting for disk space" in shown


def test_fonts(cli: Cli, daemon: Any) -> None:
    entry = {"font_id": "inter", "source": "/f/inter.ttf", "status": "skipped", "reason": "cannot be opened", "total_samples": 40}
    daemon.answers["fonts"] = {"fonts": [entry]}
    assert json.loads(cli("fonts", "5e55", "--json").out) == {"session_id": "5e55", "fonts": [entry]}
    assert cli("fonts", "5e55").out.splitlines()[1].split(None, 4) == ["inter", "skipped", "0/40", "/f/inter.ttf", "cannot be opened"]


@pytest.mark.parametrize(("changes", "code"), [
    ({"status": "completed"}, 0), ({"status": "completed", "failed_samples": 1}, 7), ({"status": "completed", "skipped_samples": 1}, 7),
    ({"status": "completed", "skipped_samples": 9, "excluded_samples": 9}, 0),
    ({"status": "completed", "failed_samples": 1, "skipped_samples": 9, "excluded_samples": 9}, 7),
    ({"status": "failed", "reason": "cancelled"}, 1), ({"status": "paused", "pause_reasons": ["disk"]}, 7),
])
def test_wait(cli: Cli, daemon: Any, changes: dict[str, Any], code: int) -> None:
    final = fake.status(quiescent=True, **changes)
    daemon.answers["wait"] = final
    done = cli("wait", "s", "--json")
    assert (done.code, json.loads(done.out)) == (code, final)
    done = cli("wait", "s")
    assert (done.code, done.out.count("\n")) == (code, 1)
    assert ("waiting for disk space" in done.out) == (changes["status"] == "paused")


@pytest.mark.parametrize(("changes", "code"), [
    ({"status": "completed", "failed_samples": 2, "skipped_samples": 3}, 0), ({"status": "completed", "failed_samples": 3, "skipped_samples": 3}, 7),
    ({"status": "paused", "pause_reasons": ["user"], "failed_samples": 2, "skipped_samples": 3}, 7), ({"status": "failed"}, 1),
])
def test_the_status_of_repair_tells_of_the_repair(cli: Cli, daemon: Any, changes: dict[str, Any], code: int) -> None:
    before = fake.status(failed_samples=2, skipped_samples=3)
    daemon.answers |= {
        "repair": {"session_id": "s", "checked": 9, "damaged": 1, "foreign": 0, "remade_samples": 1, "status": before},
        "wait": fake.status(quiescent=True, **changes),
    }
    assert cli("repair", "s").code == code


def test_wait_times_out(cli: Cli, daemon: Any) -> None:
    daemon.answers["wait"] = fake.SILENCE
    done = cli("wait", "s", "--timeout", "0.05")
    assert (done.code, one_line(done.err)) == (5, True)


def test_pause_waits_until_nothing_is_written(cli: Cli, daemon: Any) -> None:
    paused = {"status": "paused", "pause_reasons": ["user"]}
    daemon.answers |= {"pause": fake.status(**paused), "wait": fake.status(**paused, quiescent=True)}
    assert json.loads(cli("pause", "s", "--json").out)["quiescent"] is True
    assert [request.op for request in daemon.requests] == ["pause", "wait"]
    assert json.loads(cli("pause", "s", "--json", "--no-wait").out)["quiescent"] is False
    daemon.answers["wait"] = fake.SILENCE
    assert cli("pause", "s", "--timeout", "0.05").code == 5


def test_cancel_complete_ping_hello(cli: Cli, daemon: Any) -> None:
    daemon.answers |= {
        "cancel": fake.status(status="failed", reason="cancelled", quiescent=True), "complete": {"session_id": "s", "total_samples": 5, "status": "completed"},
        "hello": {"version": 1, "features": ["events", "replay"]},
    }
    assert "failed (cancelled)" in cli("cancel", "s").out
    assert "completed" in cli("complete", "s", "--yes").out
    assert cli("ping").out.splitlines()[0].split() == ["boot", "boot-1"]
    assert cli("hello").out.splitlines()[1].split(None, 1) == ["features", "events, replay"]


def test_metrics_and_config_keep_labels_and_values_apart(cli: Cli, daemon: Any) -> None:
    performance = {"samples_per_second": 212.1066, "stages": {"draw": 0.4149, "wait": 0.5851}, "bottleneck": "cpu"}
    daemon.answers |= {
        "metrics": {"daemon": {"pid": 7}, "sessions": [{"session_id": "s", "stats": {"batches": 3}, "performance": performance}]},
        "config": {"short": 1, "a_setting_with_a_long_name": [1, 2], "empty": {}},
    }
    assert cli("metrics").out.splitlines() == [
        "pid             7", "", "s",
        "batches             3", "samples_per_second  212.107", "stages              draw 41%, wait 59%", "bottleneck          cpu",
    ]
    assert cli("config").out.splitlines()[1] == "a_setting_with_a_long_name  1, 2"
    assert json.loads(cli("metrics", "--json").out)["sessions"][0]["performance"] == performance


def test_cancel_waits_until_no_picture_is_being_written(cli: Cli, daemon: Any) -> None:
    daemon.answers |= {"cancel": fake.status(status="failed", reason="cancelled"), "wait": fake.status(status="failed", exported_samples=12, quiescent=True)}
    assert "12 of 40" in cli("cancel", "s").out
    assert "10 of 40" in cli("cancel", "s", "--no-wait").out


def test_what_was_completed_early_is_not_called_whole(cli: Cli, daemon: Any) -> None:
    daemon.answers["status"] = fake.status(status="completed", exported_samples=4, skipped_samples=36)
    assert "4 of 40 (10 %), 0 failed, 36 skipped" in cli("status", "s").out


@pytest.mark.parametrize(("words", "told"), [
    (("rnu",), "There is no command 'rnu'. Did you mean `fontmill run`? See `fontmill --help`."),
    (("statsu", "plates"), "There is no command 'statsu'. Did you mean `fontmill status`? See `fontmill --help`."),
    (("run", "."), "There is no argument . here. Did you mean --fonts .? See `fontmill run --help`."),
    (("frobnicate",), "There is no command 'frobnicate'. See `fontmill --help`."),
    (("run", "--font", "x"), "There is no option --font here. Did you mean --fonts? See `fontmill run --help`."),
    (("list", "--smaples", "3"), "There is no option --smaples here. See `fontmill list --help`."),
    (("preview", "--samples", "4"), "There is no option --samples here. It is one of `fontmill run`. See `fontmill preview --help`."),
    (("ping", "me"), "There is no argument me here. See `fontmill ping --help`."),
])
def test_a_command_or_an_option_that_is_not_there_says_what_was_meant(cli: Cli, words: tuple[str, ...], told: str) -> None:
    done = cli(*words)
    assert (done.code, done.err) == (2, f"fontmill: {told}\n")


def test_a_sheet_that_is_not_called_png_is_refused_before_anything_is_drawn(cli: Cli, daemon: Any) -> None:
    done = cli("preview", "--fonts", "/f", "--out", "m.jpg")
    assert (done.code, done.err, daemon.requests) == (2, "fontmill: --out: the sheet is a PNG file; use .png, not .jpg. See `fontmill preview --help`.\n", [])


def test_an_option_that_is_found_wrong_when_fonts_are_drawn_is_named_as_it_was_given(cli: Cli, daemon: Any) -> None:
    daemon.answers["preview"] = FontmillError("invalid-argument", "effects: 'shdow' is not one of shadow, glow.")
    told = cli("preview", "--fonts", "/f", "--effects", "shdow").err
    assert told == "fontmill: --effects: 'shdow' is not one of shadow, glow. See `fontmill preview --help`.\n"


def test_rebuild_names_its_index_alike_in_usage_and_errors(cli: Cli) -> None:
    assert cli("rebuild", "s", "f", "0").err.startswith("fontmill: INDEX: at least 1")
    assert "fontmill rebuild SESSION FONT INDEX" in cli("rebuild", "--help").out


def test_shutdown_waits_until_the_daemon_is_gone(cli: Cli, daemon: Any) -> None:
    daemon.answers["shutdown"] = {}
    assert cli("shutdown", "--timeout", "0.05").code == 5
    assert cli("shutdown", "--no-wait").code == 0


def incomplete() -> dict[str, Any]:
    return {"sessions": [
        fake.status(session_id="aaa", status="paused", pause_reasons=["user"]), fake.status(session_id="bbb", status="paused", pause_reasons=["disk"]),
        fake.status(session_id="ccc"), fake.status(session_id="ddd", status="completed"),
    ]}


def test_resume(cli: Cli, daemon: Any) -> None:
    daemon.answers["resume"] = lambda r: fake.status(session_id=r.args["session"])
    assert json.loads(cli("resume", "s", "--json").out)["session_id"] == "s"


def test_the_resume_dialog_on_a_pipe_shows_and_advises(cli: Cli, daemon: Any) -> None:
    daemon.answers["list"] = incomplete()
    done = cli("resume")
    assert (done.code, one_line(done.err)) == (2, True)
    assert all(told in done.out for told in ("aaa", "bbb", "ccc", "10 of 40 pairs", "paused by a user", "will make the 30 pairs", "goes on by itself"))
    assert "ddd" not in done.out
    assert [s["session_id"] for s in json.loads(cli("resume", "--json").out)["sessions"]] == ["aaa", "bbb", "ccc"]


@pytest.mark.parametrize(("answer", "resumed"), [("1", ["aaa"]), ("a", ["aaa", "bbb"]), ("", [])])
def test_the_resume_dialog_asks(cli: Cli, daemon: Any, monkeypatch: pytest.MonkeyPatch, answer: str, resumed: list[str]) -> None:
    monkeypatch.setattr(resume, "interactive", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: answer)
    daemon.answers |= {"list": incomplete(), "resume": lambda r: fake.status(session_id=r.args["session"])}
    assert cli("resume").code == 0
    assert [request.args["session"] for request in daemon.requests if request.op == "resume"] == resumed


@pytest.mark.parametrize(("words", "answer", "asked"), [
    ((), "", True), ((), "n", True), ((), "y", True), ((), "Yes ", True), (("--yes",), "n", False), (("--yes", "--json"), "n", False),
])
def test_delete_asks_at_a_terminal(
    cli: Cli, daemon: Any, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], answer: str, asked: bool,
) -> None:
    questions: list[str] = []
    monkeypatch.setattr(projects, "interactive", lambda: True)
    monkeypatch.setattr("builtins.input", lambda question: questions.append(question) or answer)
    daemon.answers |= {
        "status": fake.status(project_path="/out/plates"),
        "delete": {"session_id": "s", "project_path": "/out/plates", "exported_samples": 1012, "foreign_files": ["a.txt"]},
    }
    done = cli("delete", "s", *words)
    deletes = not asked or answer[:1] in ("y", "Y")
    assert done.code == 0
    assert questions == (["delete 10 pairs in /out/plates? [y/N] "] if asked else [])
    assert ("delete" in [request.op for request in daemon.requests]) == deletes
    if not deletes:
        assert done.out == "nothing is deleted\n"
    elif "--json" not in words:
        assert done.out.splitlines() == ["deleted s: 1,012 pairs in /out/plates", "left as they are: 1 foreign file: a.txt"]


@pytest.mark.parametrize("command", ["delete", "complete"])
@pytest.mark.parametrize("words", [(), ("--json",)])
def test_what_asks_is_refused_where_nobody_can_be_asked(
    cli: Cli, daemon: Any, monkeypatch: pytest.MonkeyPatch, command: str, words: tuple[str, ...],
) -> None:
    monkeypatch.setattr(projects, "interactive", lambda: bool(words))
    monkeypatch.setattr("builtins.input", lambda _: pytest.fail("it asks"))
    daemon.answers |= {"status": fake.status(), command: {"session_id": "s"}}
    done = cli(command, "s", *words)
    told = {"delete": "delete 10 pairs in /data/plates", "complete": "complete /data/plates with 10 of 40 pairs and leave out the other 30"}[command]
    assert (done.code, done.err) == (2, f"fontmill: This would {told}, and nobody is there to ask. Give --yes if it shall.\n")
    assert command not in [request.op for request in daemon.requests]
    assert cli(command, "s", *words, "--yes").code == 0


@pytest.mark.parametrize(("changes", "answer", "asked"), [
    ({}, "n", True), ({}, "y", True), ({"status": "paused", "pause_reasons": ["user"]}, "n", True),
    ({"exported_samples": 35, "failed_samples": 5}, "n", False), ({"status": "completed", "exported_samples": 10, "skipped_samples": 30}, "n", False),
])
def test_complete_asks_at_a_terminal_where_pairs_would_be_left_out(
    cli: Cli, daemon: Any, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], answer: str, asked: bool,
) -> None:
    questions: list[str] = []
    monkeypatch.setattr(projects, "interactive", lambda: True)
    monkeypatch.setattr("builtins.input", lambda question: questions.append(question) or answer)
    daemon.answers |= {"status": fake.status(**changes), "complete": {"session_id": "s", "total_samples": 40, "status": "completed"}}
    done = cli("complete", "s")
    assert done.code == 0
    assert questions == (["complete /data/plates with 10 of 40 pairs and leave out the other 30? [y/N] "] if asked else [])
    assert ("complete" in [request.op for request in daemon.requests]) == (not asked or answer == "y")
    assert (done.out == "nothing is changed\n") == (asked and answer == "n")


def test_delete_of_a_folder_that_the_daemon_does_not_hold_asks_what_the_disk_knows(
    cli: Cli, daemon: Any, monkeypatch: pytest.MonkeyPatch,
) -> None:
    questions: list[str] = []
    monkeypatch.setattr(projects, "interactive", lambda: True)
    monkeypatch.setattr("builtins.input", lambda question: questions.append(question) or "")
    daemon.answers |= {
        "status": FontmillError("unknown-session"),
        "detect": {"sessions": [{"project_path": "/data/plates", "exported_samples": 7}]},
    }
    assert cli("delete", "/data/plates").out == "nothing is deleted\n"
    assert questions == ["delete 7 pairs in /data/plates? [y/N] "]
    daemon.answers["detect"] = {"sessions": []}
    assert (cli("delete", "/data/plates").code, len(questions)) == (1, 1)


def test_resume_all_and_nothing_to_resume(cli: Cli, daemon: Any) -> None:
    daemon.answers |= {"list": incomplete(), "resume": lambda r: fake.status(session_id=r.args["session"])}
    assert [s["session_id"] for s in json.loads(cli("resume", "--all", "--json").out)["sessions"]] == ["aaa", "bbb"]
    daemon.answers["list"] = {"sessions": []}
    assert (cli("resume").code, cli("resume").out) == (0, "no incomplete sessions\n")


def test_choosing_from_the_dialog() -> None:
    paused = [{"session_id": "a"}, {"session_id": "b"}]
    assert resume.chosen("2, 1 2", paused) == [paused[1], paused[0]]
    assert resume.chosen("all", paused) == paused
    assert resume.chosen("", paused) == []
    for answer in ("3", "0", "x", "-1"):
        with pytest.raises(FontmillError):
            resume.chosen(answer, paused)


def test_events(cli: Cli, daemon: Any) -> None:
    daemon.publish("daemon-started")
    daemon.publish("batch", "5e55", n=3, text="\x1b[31m")
    reply = json.loads(cli("events", "--json").out)
    assert (reply["seq"], reply["complete"], [event["kind"] for event in reply["events"]]) == (2, True, ["daemon-started", "batch"])
    shown = cli("events", "--since", "1").out
    assert shown.count("\n") == 1
    assert "5e55  batch  n=3 text=\ufffd[31m" in shown


def test_watch_on_a_pipe_prints_events_until_the_end(cli: Cli, daemon: Any) -> None:
    final = fake.status(status="completed", quiescent=True)

    def answer(request: Any) -> Any:
        asked = sum(r.op == "status" for r in daemon.requests)
        if asked == 2:
            daemon.publish_now("progress", "5e55104a", **fake.status())
            daemon.publish_now("session-completed", "5e55104a")
        return final if asked > 2 else fake.status()

    daemon.answers["status"] = answer
    done = cli("watch", "5e55", "--json")
    assert (done.code, [json.loads(line)["kind"] for line in done.out.splitlines()]) == (0, ["progress", "session-completed"])
    daemon.answers["status"] = final
    assert cli("watch", "5e55").out.count("\n") == 1


def test_an_event_that_holds_a_status_is_told_as_one(cli: Cli, daemon: Any) -> None:
    daemon.publish("session-completed", "5e55104a", **fake.status(status="completed", exported_samples=40))
    assert "session-completed  plates: completed, 40 of 40 pairs" in cli("events").out


def test_watch_on_a_pipe_begins_with_how_the_session_stands(cli: Cli, daemon: Any) -> None:
    def answer(request: Any) -> Any:
        if sum(r.op == "status" for r in daemon.requests) == 2:
            daemon.publish_now("session-failed", "5e55104a")
        return fake.status(status="paused", pause_reasons=["user"])

    daemon.answers["status"] = answer
    assert "paused" in cli("watch", "5e55").err


def test_a_broken_pipe_is_quiet(daemon: Any) -> None:
    daemon.answers["list"] = {"sessions": [fake.status() for _ in range(2000)]}
    command = f"{sys.executable} -m fontmill list | true"
    source = str(Path(fontmill.__file__).parents[1])
    done = subprocess.run(command, shell=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": source}, check=False)
    assert done.stderr == ""


def test_text() -> None:
    assert clean("a\x1b[0m\u202eb\n") == "a\ufffd[0m\ufffdb\ufffd"
    assert clean("Ελληνικά") == "Ελληνικά"
    assert [duration(s) for s in (None, 0.4, 61, 3700, float("inf"))] == ["-", "0 s", "1 min 01 s", "1 h 01 min", "-"]
    assert outcome({}) == 7


def test_a_stream_that_was_closed_before_we_began_changes_nothing_else(folder: Path) -> None:
    for closed in (">&-", "2>&-", "<&-", ">&- 2>&- <&-"):
        words = f"{sys.executable} -m fontmill --socket {folder}/none.sock status {closed}"
        assert subprocess.run(["sh", "-c", words], check=False).returncode == 3, closed


def test_a_full_disk_behind_the_output_is_told_in_one_line() -> None:
    done = subprocess.run(["sh", "-c", f"{sys.executable} -m fontmill --help > /dev/full"], stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "fontmill: The output cannot be written (No space left on device). Send it elsewhere, or make room.\n")


def test_a_current_folder_that_is_gone_matters_only_to_relative_paths(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    for words, told in (("detect /nowhere", "No daemon answers"), ("detect here", "the current folder no longer exists")):
        script = f"mkdir {gone} && cd {gone} && rmdir {gone} && {sys.executable} -m fontmill --socket {tmp_path}/none.sock {words}"
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
        assert told in done.stderr and len(done.stderr.splitlines()) == 1


def test_why_a_folder_cannot_be_used_is_told_in_words():
    waits = {"status": "paused", "pause_reasons": ["fault", "user"], "reason": "path-not-allowed"}
    assert why(waits) == "the path is outside the allowed roots, paused by a user"
    assert why({**waits, "reason": ""}) == "the storage failed, paused by a user"
    assert why({"status": "failed", "pause_reasons": [], "reason": "cancelled"}) == "cancelled"


def test_a_run_says_once_when_its_session_moves(capsys):
    call: Any = SimpleNamespace(output=Output(as_json=False))
    job = run.Job(call, *([None] * 3), {})
    for path in ("/a/p", "/a/p", "/b/p", "/b/p"):
        job._tell_move({"project_path": path})
    assert capsys.readouterr().err == "the storage of /a/p failed; the session goes on in /b/p\n"
