"""A core of other sources than these is not used; and, in long runs, what sanitizers and other compilers say of it."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fontmilld import native
from fontmilld.native.stamp import stamp

ROOT = Path(__file__).parents[3]
NATIVE = Path(native.__file__)


def test_there_is_a_core_where_one_is_required():
    assert native.core is not None or os.environ.get("FONTMILL_NEEDS_CORE") != "1"


@pytest.mark.skipif(native.core is None, reason="core was not compiled")
@pytest.mark.parametrize(("stamped", "used"), [("another", False), ("", True), (stamp(NATIVE.parent), True)])
def test_only_a_core_of_these_sources_is_used(monkeypatch, recwarn, stamped, used):
    monkeypatch.setattr(native.core, "STAMP", stamped)
    found = runpy.run_path(str(NATIVE))
    assert (found["core"] is native.core, found["WITHOUT"] == "") == (used, used)
    assert len(recwarn) == (not used)


@pytest.mark.skipif(native.core is None, reason="core was not compiled")
def test_a_core_of_before_there_were_stamps_is_not_used(monkeypatch):
    monkeypatch.delattr(native.core, "STAMP")
    with pytest.warns(RuntimeWarning, match="make install"):
        found = runpy.run_path(str(NATIVE))
    assert found["core"] is None and "make install" in found["WITHOUT"]


def test_where_there_is_no_core_it_is_said_what_brings_one(monkeypatch):
    monkeypatch.setitem(sys.modules, "fontmilld.native._core", None)
    monkeypatch.delattr(native, "_core", raising=False)
    found = runpy.run_path(str(NATIVE))
    assert found["core"] is None and "C compiler" in found["WITHOUT"]


@pytest.mark.skipif(native.core is None, reason="core was not compiled")
def test_values_that_are_not_aligned_are_refused():
    codes = memoryview(bytearray(4 * 12 + 1))[1:].cast("f", (3, 4))
    with pytest.raises(ValueError, match="not aligned"):
        native.core.rounded(codes, np.zeros((3, 4), np.uint8))


def test_a_stamp_tells_of_every_change_to_the_sources(tmp_path):
    seen = [stamp(tmp_path)]
    assert seen == [""]
    (tmp_path / "notes.txt").write_text("no source")
    assert stamp(tmp_path) == ""
    for name, text in (("a.c", "int a;"), ("b.h", ""), ("a.c", "int b;"), ("c.c", "int b;")):
        (tmp_path / name).write_text(text)
        seen.append(stamp(tmp_path))
    (tmp_path / "a.c").unlink()
    seen.append(stamp(tmp_path))
    assert len(set(seen)) == len(seen)


SANITIZED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer", "-g", "-O1")


def built(folder: Path, *more: str) -> Path:
    """A copy of the daemon's sources whose core was compiled with `more`; what comes before it on the path is not used."""
    daemon = folder / "daemon"
    shutil.copytree(ROOT / "daemon", daemon, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    target = daemon / "fontmilld/native" / Path(native.core.__file__).name
    words = runpy.run_path(str(ROOT / "hatch_build.py"))["command"](folder, target)
    subprocess.run([*words, "-Werror", *more], check=True)
    return daemon


def run_the_tests(daemon: Path, *under: str, **env: str) -> None:
    words = [*under, sys.executable, "-m", "pytest", "-q", "--maxfail=10", "-p", "no:cacheprovider", "-o", "timeout=3600", str(Path(__file__).parent)]
    env = {**os.environ, "PYTHONPATH": str(daemon), "FONTMILL_NEEDS_CORE": "1", **env}
    used = [*under, sys.executable, "-c", "from fontmilld.native import core; print(core.__file__)"]
    assert Path(subprocess.run(used, env=env, stdout=subprocess.PIPE, text=True, check=True).stdout).is_relative_to(daemon)
    done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.skipif(native.core is None, reason="core was not compiled")
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_a_core_without_wide_loops_is_equal_too(tmp_path, monkeypatch, compiler):
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not here")
    monkeypatch.setenv("CC", compiler)
    run_the_tests(built(tmp_path, "-DFM_PORTABLE"))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.skipif(native.core is None or shutil.which("gcc") is None, reason="core was not compiled, or not by gcc")
def test_sanitizers_find_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("CC", "gcc")
    daemon = built(tmp_path, *SANITIZED)
    library = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True).stdout.strip()
    # Without -R the sanitizer fails at random where the kernel moves memory about widely.
    run_the_tests(daemon, "setarch", "-R", LD_PRELOAD=library, ASAN_OPTIONS="detect_leaks=0", PYTHONMALLOC="malloc")
