"""Imported by the server after `preload`, and also where that could not be imported: children say then what is wrong."""

from __future__ import annotations

from fontmilld.pool.forking import tell_ready

tell_ready()
