"""The compiled core, where it was built: `core` is the module `_core`, or None, and `WITHOUT` says why it is None.

What uses it has an equal in Python beside it: the same pixels and labels, more slowly. Only PNG files are
compressed differently, which the fingerprint says ("encoder").
"""

from __future__ import annotations

import warnings
from pathlib import Path
from types import ModuleType
from typing import Final

from fontmilld.native.stamp import stamp

_STALE: Final = "it is of other sources than these; `make install` builds it anew"
_ABSENT: Final = "it was not compiled; a C compiler and a new install bring it"


def _load() -> tuple[ModuleType | None, str]:
    try:
        from fontmilld.native import _core  # noqa: PLC0415  it may be absent
    except ImportError:
        return None, _ABSENT
    # One compiled by hand has an empty stamp; one of before there were stamps has none.
    if getattr(_core, "STAMP", None) in ("", stamp(Path(__file__).parent)):
        return _core, ""
    warnings.warn(f"the compiled core is not used: {_STALE}", RuntimeWarning, stacklevel=3)
    return None, _STALE


core, WITHOUT = _load()
