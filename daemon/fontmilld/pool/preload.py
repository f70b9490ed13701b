"""What every render and probe process needs, made ready once, in the server that they are forked from.

Importing this module does it. The children share the memory: `gc.freeze` keeps their collectors from
touching, and so copying, it.
"""

from __future__ import annotations

import contextlib
import gc

gc.disable()  # what is made here stays: looking for garbage in it costs a tenth of making it

import cv2  # noqa: E402

# What fontTools imports when a process opens its first font, for all of them at once.
import fontTools.ttLib.tables._f_v_a_r  # noqa: E402
import fontTools.ttLib.tables._n_a_m_e  # noqa: E402
import fontTools.ttLib.tables.O_S_2f_2  # noqa: E402, F401

import fontmilld.pool.probe  # noqa: E402
import fontmilld.pool.worker  # noqa: E402, F401  # the modules whose functions the children run
from fontmilld.render import noise  # noqa: E402
from fontmilld.render.fingerprint import fingerprint  # noqa: E402
from fontmilld.render.languages import LANGUAGES, letters_of  # noqa: E402

cv2.setNumThreads(1)  # first of all: who forks may have no threads
for _language in LANGUAGES:
    letters_of(_language)
noise.pool()
with contextlib.suppress(Exception):  # whoever asks for it is told what is wrong
    fingerprint()
gc.freeze()
gc.enable()
