"""What the daemon and the processes that draw both need. Imported before they part, it is loaded once."""

from __future__ import annotations

import fontmilld.core.pacing
import fontmilld.pool.vitals
import fontmilld.render.charset
import fontmilld.store.checking
import fontmilld.store.files  # noqa: F401
