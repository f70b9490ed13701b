"""The life of a session as a pure table. Paused is a set of reasons; running means the set is empty."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, replace

from fontmill.errors import FontmillError
from fontmill.model import SessionStatus


class Reason(enum.StrEnum):
    """Why a session is paused. Each is lifted only by what set it; `user` and `crashloop` by `resume`."""

    USER = "user"
    DISK = "disk"
    MEMORY = "memory"
    DRAIN = "drain"
    CRASHLOOP = "crashloop"
    FAULT = "fault"


LIFTED_BY_RESUME = frozenset({Reason.USER, Reason.CRASHLOOP, Reason.FAULT})
"""What a person lifts. The others go by themselves, at the latest with the daemon that found them."""
KEPT = frozenset({Reason.USER, Reason.CRASHLOOP})
"""What outlives the daemon; the others are found out anew. A power cut looks like a fault a moment before it is one."""


class Phase(enum.StrEnum):
    """Where a session stands. `status` of the original design is derived from it."""

    PREPARING = "preparing"
    RENDERING = "rendering"
    FINISHING = "finishing"
    COMPLETED = "completed"
    FAILED = "failed"


class Step(enum.StrEnum):
    """What can happen to a session's phase."""

    OPENED = "opened"
    EXHAUSTED = "exhausted"
    FINISHED = "finished"
    FAIL = "fail"
    REOPEN = "reopen"


TABLE: Mapping[tuple[Phase, Step], Phase] = {
    (Phase.PREPARING, Step.OPENED): Phase.RENDERING,
    (Phase.PREPARING, Step.FAIL): Phase.FAILED,
    (Phase.RENDERING, Step.EXHAUSTED): Phase.FINISHING,
    (Phase.RENDERING, Step.FAIL): Phase.FAILED,
    (Phase.FINISHING, Step.FINISHED): Phase.COMPLETED,
    (Phase.FINISHING, Step.FAIL): Phase.FAILED,
    (Phase.FINISHING, Step.REOPEN): Phase.RENDERING,
    (Phase.COMPLETED, Step.REOPEN): Phase.RENDERING,
}
TERMINAL = frozenset({Phase.COMPLETED, Phase.FAILED})


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """Phase and pause reasons. Every method returns a new value."""

    phase: Phase = Phase.PREPARING
    reasons: frozenset[Reason] = frozenset()

    def step(self, step: Step) -> Lifecycle:
        """Apply one row of the table. Raises `wrong-state` when there is none."""
        target = TABLE.get((self.phase, step))
        if target is None:
            raise FontmillError("wrong-state", f"A session that is {self.phase} cannot take the step {step}.")
        return replace(self, phase=target, reasons=frozenset() if target in TERMINAL else self.reasons)

    def pause(self, reason: Reason) -> Lifecycle:
        """Add a reason. Raises `wrong-state` when the session has ended."""
        if self.phase in TERMINAL:
            raise FontmillError("wrong-state", f"The session has already {_ENDED[self.phase]}.")
        return replace(self, reasons=self.reasons | {reason})

    def lift(self, *reasons: Reason) -> Lifecycle:
        """Remove reasons; others keep the session paused."""
        return replace(self, reasons=self.reasons - set(reasons))

    def left_alone(self) -> Lifecycle:
        """What holds once no daemon has the session any more."""
        return self.lift(*(self.reasons - LIFTED_BY_RESUME))

    @property
    def dispatching(self) -> bool:
        """Whether new batches may be given out."""
        return self.phase is Phase.RENDERING and not self.reasons

    @property
    def ended(self) -> bool:
        """Whether nothing will happen any more by itself."""
        return self.phase in TERMINAL

    @property
    def status(self) -> SessionStatus:
        """The original design's four-valued status."""
        if self.phase is Phase.COMPLETED:
            return "completed"
        if self.phase is Phase.FAILED:
            return "failed"
        return "paused" if self.reasons else "active"


_ENDED = {Phase.COMPLETED: "completed", Phase.FAILED: "failed"}


def recalled(status: object, pause_reasons: object, attended: bool) -> Lifecycle:
    """The life that an unfinished project's own last word tells of, whatever it holds; `attended`: a daemon has it now."""
    if status == "failed":
        return Lifecycle(Phase.FAILED)
    told = pause_reasons if status == "paused" and isinstance(pause_reasons, list) else ()
    life = Lifecycle(Phase.RENDERING, frozenset(reason for reason in Reason if str(reason) in told))
    return life if attended else life.left_alone()
