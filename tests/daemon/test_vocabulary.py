"""What the daemon tells is what the tables say, of which docs/protocol.md is made: no key and no kind of event but those."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import fontmilld
from fontmill.vocabulary import EVENTS, STATUS, Key
from fontmilld.reader import read
from fontmilld.store.kernel import LinuxKernel
from fontmilld.testing.export import SmallExport, small_session
from fontmilld.testing.house import House

SOURCES = sorted(Path(fontmilld.__file__).parent.rglob("*.py"))
TELLING = {"publish", "tell", "tell_of_font"}


def names(keys: tuple[Key, ...]) -> list[str]:
    return [name for key in keys for name in key.names]


def told_kinds(source: Path) -> Iterator[str]:
    """The literal kinds that calls in a file tell of; a file or a table in the place of one is no kind."""
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr.lstrip("_") in TELLING and len(node.args) > 1:
            yield from (one.value for one in ast.walk(node.args[0]) if isinstance(one, ast.Constant) and isinstance(one.value, str))


def test_every_key_of_the_status_object_is_described_and_no_other(tmp_path: Path) -> None:
    status = House().start().status()
    assert sorted(status) == sorted(names(STATUS))
    project = tmp_path.resolve() / "project"
    SmallExport(LinuxKernel(), small_session(10, 2), path=str(project)).run()
    assert sorted(read("status", str(project))) == sorted([*status, "owner"])


def test_every_kind_of_event_in_the_code_is_described_and_no_other() -> None:
    told = {kind for source in SOURCES for kind in told_kinds(source)}
    assert told - set(EVENTS) == set()
    written = {node.value for source in SOURCES for node in ast.walk(ast.parse(source.read_text()))
               if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert set(EVENTS) - written == set()
