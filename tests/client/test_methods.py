"""Every verb of the table is a method of both clients, and takes every argument that the verb takes."""

from __future__ import annotations

import asyncio
import inspect
import os
import typing
from collections.abc import Sequence
from typing import Any

import pytest

from fontmill import AsyncClient, Client
from fontmill.options import PreviewOptions, StartOptions
from fontmill.verbs import VERBS, Arg

OF_THE_CLIENT = {"hello": {"min", "max"}}
"""Arguments that no caller chooses: a client speaks the versions that it speaks."""
OPTIONS: dict[str, Any] = {"start": StartOptions, "preview": PreviewOptions}
TYPES = {"int": int, "bool": bool, "str": str, "text": str, "strs": Sequence[str], "paths": Sequence[str | os.PathLike[str]]}
CALLED = {name: [arg for arg in verb.args if arg.name not in OF_THE_CLIENT.get(name, ())] for name, verb in VERBS.items()}


def method(verb: str) -> str:
    return verb.replace("-", "_")


def some(arg: Arg) -> Any:
    """A value of the argument's kind."""
    values = {"path": "/some/path", "paths": ["/some/path"], "strs": ["one"], "int": 17, "bool": not arg.default, "text": "", "str": "one"}
    return arg.choices[-1] if arg.choices else values[arg.kind]


def test_every_verb_is_a_method_that_says_what_it_answers() -> None:
    for client in (Client, AsyncClient):
        for name in VERBS:
            assert inspect.getdoc(getattr(client, method(name), None)), f"{client.__name__} has no method {method(name)} for the verb {name}"


@pytest.mark.parametrize("verb", sorted(OPTIONS))
def test_options_are_those_of_the_table_and_have_their_types(verb: str) -> None:
    named = inspect.signature(getattr(Client, method(verb))).parameters
    args = {arg.name: arg for arg in VERBS[verb].args if arg.name not in named}
    hints = typing.get_type_hints(OPTIONS[verb])
    assert set(hints) == set(args)
    for name, arg in args.items():
        assert hints[name] == (typing.Literal[arg.choices] if arg.choices else TYPES[arg.kind]), name


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_a_method_sends_every_argument_of_its_verb(daemon: Any, client: Client, verb: str) -> None:
    daemon.answers[verb] = {"status": "completed", "quiescent": True}
    args = {arg.name: some(arg) for arg in CALLED[verb]}
    getattr(client, method(verb))(**args)
    sent = daemon.requests[-1]
    assert (sent.op, {name: sent.args.get(name) for name in args}) == (verb, args)

    async def the_same() -> None:
        async with AsyncClient(daemon.path, timeout=60) as other:
            await getattr(other, method(verb))(**args)

    asyncio.run(the_same())
    assert (daemon.requests[-1].op, daemon.requests[-1].args) == (sent.op, sent.args)
