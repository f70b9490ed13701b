"""The daemon's settings: three sources in order, one check, and errors that name the setting."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fontmill.errors import FontmillError
from fontmilld import settings


def refused(overrides, config=None) -> FontmillError:
    with pytest.raises(FontmillError) as caught:
        settings.load(overrides, config)
    assert caught.value.slug == "invalid-argument"
    return caught.value


def test_the_command_line_beats_the_file_and_the_file_the_defaults(tmp_path):
    file = tmp_path / "fontmill.toml"
    file.write_text('workers = 3\nhang_seconds = 7\nsocket = "/run/x/control.sock"\n')
    loaded = settings.load({"workers": 5, "socket": None}, str(file))
    assert (loaded.workers, loaded.hang_seconds, loaded.socket) == (5, 7.0, "/run/x/control.sock")
    assert loaded.state_dir == settings.DaemonSettings.defaults().state_dir


@pytest.mark.parametrize(("name", "value"), [
    ("workers", 0), ("workers", 257), ("workers", True), ("workers", "2"), ("hang_seconds", 0), ("hang_seconds", float("nan")),
    ("socket", ""), ("allow_root", "/x"), ("allow_root", [1]), ("operator_uids", ["root"]), ("private", 1),
    ("no_such_setting", 1), ("operator_uids", [-1]), ("viewer_gids", [True]), ("probe_memory_mib", 0), ("probe_memory_mib", -5),
])
def test_a_value_that_cannot_be_is_refused_by_name(name, value):
    assert refused({name: value}).details["field"] == name


@pytest.mark.parametrize("text", ["workers = ", "\xff", "[[["])
def test_a_file_that_is_not_toml_is_refused_in_one_line(tmp_path, text):
    file = tmp_path / "f.toml"
    file.write_bytes(text.encode("latin-1"))
    assert "\n" not in refused({}, str(file)).message
    refused({}, str(tmp_path / "missing.toml"))


def test_paths_are_made_absolute():
    loaded = settings.load({"allow_root": ("data",), "state_dir": "s"}, None)
    assert all(path.startswith("/") for path in (*loaded.allow_root, loaded.state_dir))


@given(st.dictionaries(st.sampled_from(["workers", "allow_root", "socket", "private", "admin_uids", "probe_seconds"]),
                       st.one_of(st.integers(), st.text(max_size=5), st.booleans(), st.floats(), st.lists(st.integers(), max_size=2))))
def test_nothing_but_settings_or_a_refusal_comes_of_any_value(overrides):
    try:
        loaded = settings.load(overrides, None)
    except FontmillError as error:
        assert error.slug == "invalid-argument"
    else:
        assert 1 <= loaded.workers <= settings.MAX_WORKERS


def test_a_root_that_is_a_typing_error_is_told(tmp_path):
    good = settings.load({"allow_root": [str(tmp_path / "new")]}, None)
    assert settings.missing_root(good) is None
    assert settings.missing_root(settings.load({"allow_root": [str(tmp_path / "no" / "where")]}, None)) is not None


def test_of_a_changed_file_only_what_is_safe_is_taken_over_and_the_rest_is_named():
    before = settings.load({}, None)
    wanted = settings.load({"hang_seconds": 7.0, "probe_memory_mib": 99, "workers": 1 + before.workers % 4, "operator_uids": [5]}, None)
    now, later = settings.reloaded(before, wanted)
    assert (now.hang_seconds, now.probe_memory_mib, now.workers, now.operator_uids) == (7.0, 99, before.workers, ())
    assert later == ("operator_uids", "workers")
    assert settings.reloaded(before, before) == (before, ())
