"""The compiled core, where it was built: `core` is the module `_core`, or None.

What uses it has an equal in Python beside it: the same pixels and labels, more slowly. Only PNG files are
compressed differently, which the fingerprint says ("encoder").
"""

from __future__ import annotations

from types import ModuleType

core: ModuleType | None
try:
    from fontmilld.native import _core

    core = _core
except ImportError:
    core = None
