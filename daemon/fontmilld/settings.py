"""The daemon's own settings: defaults, the TOML file, the command line, in that order. Validated once, here."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from fontmill.endpoint import default_socket
from fontmill.errors import FontmillError, invalid

MAX_WORKERS = 256
RELOADABLE = frozenset({"hang_seconds", "probe_seconds", "probe_memory_mib"})
"""What a running daemon takes over when the file changes; all else is built into its parts at the start."""


@dataclass(frozen=True, slots=True)
class DaemonSettings:
    """Paths are absolute. `private` daemons end with their standard input, and keep no state."""

    socket: str
    state_dir: str
    workers: int
    allow_root: tuple[str, ...]
    private: bool = False
    hang_seconds: float = 60.0
    probe_seconds: float = 20.0
    probe_memory_mib: int = 2048
    operator_uids: tuple[int, ...] = ()
    operator_gids: tuple[int, ...] = ()
    viewer_uids: tuple[int, ...] = ()
    viewer_gids: tuple[int, ...] = ()
    admin_uids: tuple[int, ...] = ()

    @classmethod
    def defaults(cls) -> DaemonSettings:
        """One worker a core; output beneath the user's home only."""
        state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
        cores = len(os.sched_getaffinity(0))
        return cls(default_socket(), f"{state}/fontmilld", cores, (str(Path.home()),))


def load(overrides: Mapping[str, Any], config: str | None) -> DaemonSettings:
    """Defaults, then the file, then `overrides` (None is not given). Raises `invalid-argument`."""
    given = _from_file(config) if config else {}
    given |= {key: value for key, value in overrides.items() if value is not None}
    known = {field.name for field in fields(DaemonSettings)}
    for name in given:
        if name not in known:
            raise invalid(name, "there is no such setting.")
    settings = replace(DaemonSettings.defaults(), **{name: _checked(name, value) for name, value in given.items()})
    if not 1 <= settings.workers <= MAX_WORKERS:
        raise invalid("workers", f"1 to {MAX_WORKERS} are allowed, not {settings.workers}.")
    return settings


def reloaded(now: DaemonSettings, wanted: DaemonSettings) -> tuple[DaemonSettings, tuple[str, ...]]:
    """(settings from now on, names of those that differ and hold only after a restart)."""
    differ = {f.name for f in fields(DaemonSettings) if getattr(now, f.name) != getattr(wanted, f.name)}
    taken = {name: getattr(wanted, name) for name in differ & RELOADABLE}
    return replace(now, **taken), tuple(sorted(differ - RELOADABLE))


def _from_file(config: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(config).read_text(encoding="utf-8"))
    except OSError as error:
        raise invalid("config", f"{config} cannot be read ({error.strerror}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise invalid("config", f"{config} is not valid TOML ({error}).") from error


def _checked(name: str, value: Any) -> Any:
    default = getattr(DaemonSettings.defaults(), name)
    if isinstance(default, bool) or isinstance(value, bool):
        if isinstance(default, bool) and isinstance(value, bool):
            return value
        raise invalid(name, "a setting of another kind is required.")
    if isinstance(default, tuple):
        kind = str if name == "allow_root" else int
        if not isinstance(value, (list, tuple)) or not all(isinstance(item, kind) for item in value):
            raise invalid(name, "a list is required.")
        if kind is int and not all(type(item) is int and item >= 0 for item in value):
            raise invalid(name, "ids of at least 0 are required.")  # -1 is how an unknown caller looks
        return tuple(os.path.abspath(item) for item in value) if kind is str else tuple(value)
    if isinstance(default, float) and isinstance(value, (int, float)) and value > 0:
        return float(value)
    if isinstance(default, int) and isinstance(value, int) and value > 0:
        return value
    if isinstance(default, str) and isinstance(value, str) and value:
        return os.path.abspath(value)
    raise invalid(name, f"{value!r} is not allowed here.")


def missing_root(settings: DaemonSettings) -> FontmillError | None:
    """An error when no allowed root exists, nor can be made, e.g. because of a typing error."""
    if any(os.path.isdir(os.path.dirname(root) or "/") for root in settings.allow_root):
        return None
    return invalid("allow_root", "none of the allowed roots, nor the folder it would be in, exists.")
