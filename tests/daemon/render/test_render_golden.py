"""Bytes that must not change without the fingerprint changing too."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from fontmilld.render.fingerprint import fingerprint

HERE = Path(__file__).parent


def test_bytes_are_those_of_the_fingerprint(faces, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(HERE), *sys.path])
    spec = importlib.util.spec_from_file_location("render_golden", HERE / "golden.py")
    golden = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(golden)
    wanted = json.loads(golden.FILE.read_text())
    here = fingerprint()
    assert wanted["fingerprint"]["render"] == here["render"], "write the golden digests anew: golden.py says how"
    if wanted["fingerprint"] != here:
        pytest.skip("the golden digests hold for other versions of libraries, or another machine")
    assert golden.digests(faces.get) == wanted["digests"]
