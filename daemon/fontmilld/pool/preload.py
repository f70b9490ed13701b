"""What every render and probe process needs, made ready once, in the server that they are forked from.

Importing this module does it. The children share the memory: `gc.freeze` keeps their collectors from
touching, and so copying, it.
"""

from __future__ import annotations

import contextlib
import gc

gc.disable()  # what is made here stays: looking for garbage in it costs a tenth of making it

import itertools  # noqa: E402

import cv2  # noqa: E402

import fontmilld.pool.probe  # noqa: E402
import fontmilld.pool.worker  # noqa: E402, F401  # the modules whose functions the children run
from fontmilld.render import noise  # noqa: E402
from fontmilld.render.corpus import LANGUAGES_PER_SCRIPT  # noqa: E402
from fontmilld.render.fingerprint import fingerprint  # noqa: E402
from fontmilld.render.languages import LANGUAGES, letters_of  # noqa: E402

# Scripts of which most fonts have some. The word lists of others are read by whoever draws with such a font.
_COMMON = frozenset({"Latn", "Cyrl", "Grek", "Arab", "Hebr"})

cv2.setNumThreads(1)  # first of all: who forks may have no threads
for _script, _languages in itertools.groupby(LANGUAGES, lambda language: language.script):
    for _language in itertools.islice(_languages, LANGUAGES_PER_SCRIPT if _script in _COMMON else 0):
        letters_of(_language)
noise.pool()
with contextlib.suppress(Exception):  # whoever asks for it is told what is wrong
    fingerprint()
gc.freeze()
gc.enable()
