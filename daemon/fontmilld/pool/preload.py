"""What every render and probe process needs, made ready once, in the server that they are forked from.

Importing this module does it. The children share the memory: `gc.freeze` keeps their collectors from
touching, and so copying, it.
"""

from __future__ import annotations

import gc

import fontmilld.pool.probe
import fontmilld.pool.worker  # noqa: F401  # the modules whose functions the children run
from fontmilld.render import noise
from fontmilld.render.languages import LANGUAGES, common_words

for _language in LANGUAGES:
    common_words(_language)
noise.pool()
gc.collect()
gc.freeze()
