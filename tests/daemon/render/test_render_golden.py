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
    if wanted["fingerprint"] != fingerprint():
        pytest.skip("the golden digests hold for another fingerprint")
    assert golden.digests(faces.get) == wanted["digests"]
