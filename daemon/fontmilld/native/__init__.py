"""The compiled core, where it was built: `core` is the module `_core`, or None.

What uses it has an equal in Python beside it: the same pixels and labels, more slowly. Only PNG files are
compressed differently, which the fingerprint says ("encoder").
"""

from __future__ import annotations

import warnings
from pathlib import Path
from types import ModuleType

from fontmilld.native.stamp import stamp

core: ModuleType | None = None
try:
    from fontmilld.native import _core
except ImportError:
    pass
else:
    # One compiled by hand has an empty stamp; one of before there were stamps has none.
    if getattr(_core, "STAMP", None) in ("", stamp(Path(__file__).parent)):
        core = _core
    else:
        warnings.warn("the compiled core is of other sources than these and stays unused; `make install` builds it anew",
                      RuntimeWarning, stacklevel=2)
