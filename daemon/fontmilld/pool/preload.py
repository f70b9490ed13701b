"""What every render and probe process needs, made ready once, in the server that they are forked from.

Importing this module does it. The children share the memory: `gc.freeze` keeps their collectors from
touching, and so copying, it.
"""

from __future__ import annotations

import gc

# What fontTools imports when a process opens its first font, for all of them at once.
import fontTools.ttLib.tables._f_v_a_r
import fontTools.ttLib.tables._n_a_m_e
import fontTools.ttLib.tables.O_S_2f_2  # noqa: F401

import fontmilld.pool.probe
import fontmilld.pool.worker  # noqa: F401  # the modules whose functions the children run
from fontmilld.render import noise
from fontmilld.render.languages import LANGUAGES, letters_of

for _language in LANGUAGES:
    letters_of(_language)
noise.pool()
gc.freeze()
