"""All documents of a finished project, by file name."""

from __future__ import annotations

from collections.abc import Mapping

from fontmill.model import ExportSession
from fontmilld.core import layout
from fontmilld.documents.accounts import accounts_of
from fontmilld.documents.card import dataset_card
from fontmilld.documents.croissant import croissant
from fontmilld.documents.report import report
from fontmilld.store.checkpoint import FontState
from fontmilld.store.tree import Tree


def final_documents(tree: Tree, session: ExportSession, states: Mapping[str, FontState]) -> dict[str, bytes]:
    """The same bytes for the same tree (I3). Every font must be finished: labels in order. Raises what the tree raises."""
    accounts = accounts_of(session, states)
    return {
        layout.CARD_FILE: dataset_card(session, accounts).encode(),
        layout.CROISSANT_FILE: croissant(session, accounts),
        layout.REPORT_FILE: report(tree, session, accounts),
    }
