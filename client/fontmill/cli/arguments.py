"""From the words of a command line to the arguments of a verb: numbers, absolute paths, recipe files."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from fontmill.cli import sources
from fontmill.cli.output import Output
from fontmill.cli.parser import usage_error
from fontmill.errors import FontmillError, invalid
from fontmill.verbs import VERBS, Arg, validate

if TYPE_CHECKING:
    from collections.abc import Callable

    from fontmill.client import Client

TIMEOUT = 10.0
WORKERS = Arg("workers", "int", "", minimum=1, maximum=1024, flag="--workers")
OTHER_FLAGS = {"folder": "--out", "sheet": "--out", "recipe": "--recipe", "socket": "--socket", "text_content": "--text-file", "preset_source": "--preset"}
TEXT_FILE = Arg("text_file", "path", "", flag="--text-file")
START_ARGS = {arg.name: arg for arg in (*VERBS["start"].args, TEXT_FILE, WORKERS)}


class Invocation:
    """One call of a command: its options, where its words go, and the client it talks through."""

    def __init__(self, command: str, options: argparse.Namespace, output: Output) -> None:
        self.command, self.options, self.output = command, options, output
        self._client: Client | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            self._client.close()

    @property
    def timeout(self) -> float | None:
        """`--timeout` in seconds, or None. Raises `invalid-argument`."""
        text = self.options.timeout
        try:
            seconds = None if text is None else float(text)
        except ValueError:
            seconds = -1.0
        if seconds is not None and not 0 < seconds < 1e9:
            raise usage_error(f"--timeout: seconds above 0 are required, not {text!r}.", self.command)
        return seconds

    def client(self, socket: str | None = None, tick: Callable[[], None] | None = None) -> Client:
        """The client of this command, opened when first asked for."""
        if self._client is None:
            from fontmill.client import Client  # noqa: PLC0415  --help and usage errors need no ZeroMQ

            self._client = Client(socket or self.options.socket, self.timeout or TIMEOUT, tick)
        return self._client

    def session(self) -> str | None:
        """The session argument; one that looks like a path is made absolute."""
        named: str | None = getattr(self.options, "session", None)
        if not named:
            return None
        path = os.path.expanduser(named)
        if "/" in path or os.path.isfile(os.path.join(path, "session.json")):
            return _against("", path)
        return str(named)

    def verb_args(self) -> dict[str, Any]:
        """The validated arguments of the verb this command is named after."""
        given: dict[str, Any] = {
            arg.name: number(getattr(self.options, arg.name, None), arg.name) if arg.kind == "int"
            else _absolute(arg, getattr(self.options, arg.name, None))
            for arg in VERBS[self.command].args
        }
        given["session"] = self.session()
        filled = validate(self.command, {name: value for name, value in given.items() if value is not None})
        return {name: value for name, value in filled.items() if value is not None}


def number(text: Any, where: str) -> Any:
    """A whole number written in digits. Raises `invalid-argument` for other words."""
    try:
        return int(text) if isinstance(text, str) else text
    except ValueError:
        raise invalid(where, f"a whole number is required, not {text[:40]!r}.") from None


def start_args(options: argparse.Namespace) -> tuple[dict[str, Any], int | None]:
    """The complete, validated arguments of `start`, and the number of workers.

    Raises `invalid-argument` before anything is started or touched.
    """
    given = given_args(options)
    workers = given.pop("workers", None)
    if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or not 1 <= workers <= 1024):
        raise invalid("workers", "a whole number from 1 to 1024 is required.")
    lacking = [str(arg.flag) for name, arg in START_ARGS.items() if arg.required and given.get(name) is None]
    if len(lacking) > 1:
        sentence = f"{', '.join(lacking[:-1])} and {lacking[-1]} are required."
        raise FontmillError("invalid-argument", sentence, action=f"See `fontmill {options.command} --help`.")
    return validate("start", given), workers


def given_args(options: argparse.Namespace) -> dict[str, Any]:
    """What recipe file and command line say, with the files that options name read. Not validated."""
    given = _recipe(options.recipe) if options.recipe else {}
    for name, arg in START_ARGS.items():
        value = getattr(options, name, None)
        if value is not None:
            given[name] = _absolute(arg, value)
    given = {name: number(v, name) if START_ARGS[name].kind == "int" else v for name, v in given.items()}
    return sources.with_sources(given)


def _recipe(name: str) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415  few runs have a recipe

    path = os.path.abspath(os.path.expanduser(name))
    try:
        with open(path, "rb") as file:
            table = tomllib.load(file)
    except OSError as error:
        raise invalid("recipe", f"{path} cannot be read ({error.strerror}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise invalid("recipe", f"{path} is not TOML ({error}).") from error
    for key in table:
        if key not in START_ARGS:
            raise invalid("recipe", f"{path} has the unknown key {key[:60]!r}; known are {', '.join(START_ARGS)}.")
    base = os.path.dirname(path)
    if str(table.get("preset", "")).endswith(sources.PRESET_SUFFIX):
        table["preset"] = os.path.join(base, os.path.expanduser(table["preset"]))
    return {key: _absolute(START_ARGS[key], value, base) for key, value in table.items()}


def _absolute(arg: Arg, value: Any, base: str = "") -> Any:
    if arg.kind == "path" and isinstance(value, str) and value:
        return _against(base, value)
    if arg.kind == "paths":
        items = [value] if isinstance(value, str) else value
        if isinstance(items, list) and all(isinstance(item, str) and item for item in items):
            return [_against(base, item) for item in items]
    return value


def _against(base: str, path: str) -> str:
    """The absolute path of `path` as seen from `base`, or from the current folder. Raises `invalid-argument`."""
    joined = os.path.join(base, os.path.expanduser(path))
    try:
        return os.path.abspath(joined)
    except FileNotFoundError as error:
        sentence = f"{path} is relative, and the current folder no longer exists."
        raise FontmillError("invalid-argument", sentence, action="Change to another folder.") from error


def with_flags(error: FontmillError, command: str) -> FontmillError:
    """The same error, speaking of `--samples` where the wire speaks of `num_samples`."""
    known: Mapping[str, Arg] = _args_of(command) | (START_ARGS if command in ("run", "start", "preview") else {})
    told = error.message.partition(":")[0]  # what renders fonts names it there alone
    field = str(error.details.get("field") or (told if told in known else ""))
    name = field.partition("[")[0]
    flag = OTHER_FLAGS[name] if name in OTHER_FLAGS else known[name].flag if name in known else None
    if error.slug != "invalid-argument" or flag is None or not error.message.startswith(field):
        return error
    message = (flag or name.upper()) + error.message.removeprefix(name)
    action = error.action if error.action != error.kind.action else f"See `fontmill {command} --help`."
    return FontmillError(error.slug, message, error.details, action, error.after_ms)


def _args_of(command: str) -> dict[str, Arg]:
    return {arg.name: arg for arg in VERBS[command].args} if command in VERBS else {}
