"""Who may do what: kernel peer credentials of a local socket mapped to the roles of the verb table."""

from __future__ import annotations

import os
from dataclasses import dataclass

from fontmill.errors import FontmillError
from fontmill.verbs import Role, Verb

RANK: dict[Role, int] = {"viewer": 0, "operator": 1, "admin": 2}


@dataclass(frozen=True, slots=True)
class Peer:
    """A caller as the kernel names it. -1 where it is not known."""

    uid: int = -1
    gid: int = -1
    pid: int = -1

    @classmethod
    def from_address(cls, address: str) -> Peer:
        """From libzmq's `Peer-Address` of an ipc connection, `localhost:UID:GID:PID`."""
        parts = address.split(":")
        if len(parts) != 4 or not all(part.isdigit() for part in parts[1:]):
            return cls()
        return cls(*(int(part) for part in parts[1:]))


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """Allow-lists. The daemon's own user and root are admins; everybody else needs to be named."""

    owner_uid: int
    admin_uids: frozenset[int] = frozenset()
    operator_uids: frozenset[int] = frozenset()
    operator_gids: frozenset[int] = frozenset()
    viewer_uids: frozenset[int] = frozenset()
    viewer_gids: frozenset[int] = frozenset()

    @classmethod
    def for_this_user(cls) -> AccessPolicy:
        """Only the user that runs the daemon, and root."""
        return cls(os.getuid())

    def role(self, peer: Peer) -> Role | None:
        """The highest role of a caller, or None."""
        if peer.uid in (0, self.owner_uid) or peer.uid in self.admin_uids:
            return "admin"
        if peer.uid in self.operator_uids or peer.gid in self.operator_gids:
            return "operator"
        if peer.uid in self.viewer_uids or peer.gid in self.viewer_gids:
            return "viewer"
        return None

    def check(self, peer: Peer, verb: Verb) -> None:
        """Raises `denied` when the caller's role does not reach the verb's."""
        role = self.role(peer)
        if role is None or RANK[role] < RANK[verb.role]:
            raise FontmillError("denied", f"This user may not call {verb.name}.", {"needs": verb.role})
