"""The status object of docs/protocol.md, of a session that a daemon has and of a project that only its folder tells of."""

from __future__ import annotations

from typing import Any

from fontmill.model import ExportSession, OverallProgress
from fontmilld.core.accounts import excluded_samples
from fontmilld.core.lifecycle import Lifecycle, Phase
from fontmilld.store.parts import filled, samples_of


def status_object(session: ExportSession, path: str, life: Lifecycle, overall: OverallProgress, *, running: bool,
                  durable: int, last_updated: str, reason: str = "", in_flight: int = 0, quiescent: bool = True,
                  bottleneck: str = "") -> dict[str, Any]:
    """`path` is the project's folder; rate and remaining time of one that is not `running` are not told."""
    timed = running or life.phase is Phase.COMPLETED
    return {
        "session_id": session.session_id, "project_name": session.project_name, "output_path": session.output_path,
        "project_path": path, "status": life.status, "phase": str(life.phase),
        "pause_reasons": sorted(str(reason) for reason in life.reasons), "reason": reason, **overall.to_dict(),
        "processing_rate": overall.processing_rate if running else 0.0,
        "estimated_time_remaining": overall.estimated_time_remaining if timed else None,
        "excluded_samples": excluded_samples(session), "durable_samples": durable, "in_flight_samples": in_flight,
        "quiescent": quiescent, "bottleneck": bottleneck,
        "parts": [{"path": part.path, "samples": samples_of(part)} for part in filled(session)],
        "created_at": session.created_at, "last_updated": last_updated,
    }
