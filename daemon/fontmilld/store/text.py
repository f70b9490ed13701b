"""The user's own text in the project: written once, before the session is; every process draws from this copy."""

from __future__ import annotations

import hashlib

from fontmill.errors import FontmillError
from fontmill.model import ExportSession
from fontmilld.core import layout
from fontmilld.store.tree import Tree


def keep_text(tree: Tree, session: ExportSession, text: str) -> None:
    """See to it, durably, that the project holds the text that the session's digest names, if it names one."""
    if text and kept_text(tree, session) is None:
        tree.replace(layout.TEXT_FILE, text.encode())


def kept_text(tree: Tree, session: ExportSession) -> str | None:
    """The session's text ("" when it has none), or None when it is missing or not the one of the digest."""
    wanted = session.config.text_sha256
    if not wanted:
        return ""
    data = tree.read(layout.TEXT_FILE)
    return data.decode() if hashlib.sha256(data).hexdigest() == wanted else None


def required_text(tree: Tree, session: ExportSession) -> str:
    """`kept_text`, or FontmillError `text-missing`."""
    text = kept_text(tree, session)
    if text is None:
        raise FontmillError("text-missing")
    return text
