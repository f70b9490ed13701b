"""What is told of a session's fonts, and of the whole when it is complete: entries and summary, from its tracker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from fontmill.model import IMAGES_PER_SAMPLE, ExportSession, FontInfo, SessionSummary
from fontmilld.core.progress import FontProgressTracker

_SUMMED = (
    "font_id", "family", "style", "sha256", "face_index", "status", "reason", "total_samples",
    "done_samples", "failed_samples", "skipped_samples",
)

LEFT_OUT = "The session was completed before this sample was made."
"""Why a sample is neither made nor given up in a project that a user completed early."""


def font_entries(session: ExportSession, tracker: FontProgressTracker, now: float) -> list[dict[str, Any]]:
    """Every accepted face and every refused file, in the session's order; `now` is monotonic seconds."""
    entries = []
    for info in session.fonts:
        progress = tracker.font_progress(info.font_id, now)
        entries.append({
            "font_id": info.font_id, "source": info.source, "face_index": info.face_index, "sha256": info.sha256,
            "family": info.family, "style": info.style, "slug": info.slug,
            **{k: v for k, v in progress.to_dict().items() if k not in ("font_name", "status")},
            "status": progress.status, "reason": info.reason or progress.last_error or "",
        })
    return entries


def excluded_samples(session: ExportSession) -> int:
    """Samples of the fonts that the caller's own options leave out: skipped, and yet nobody misses them."""
    if not session.config.licences:
        return 0
    return sum(info.total_samples for info in session.fonts if info.slug == "font-licence")


def lacking_text(fonts: Iterable[FontInfo]) -> dict[str, list[str]]:
    """By text source that was asked for, the accepted fonts that can draw nothing of it: other sources take its share there."""
    found: dict[str, list[str]] = {}
    for info in fonts:
        lacks = info.record.get("lacks_text_sources", ()) if info.accepted else ()
        for source in lacks if isinstance(lacks, (list, tuple)) else ():
            found.setdefault(str(source), []).append(info.font_id)
    return found


def session_summary(session: ExportSession, tracker: FontProgressTracker, now: float, utc: str) -> SessionSummary:
    """The summary of a session that is complete at `utc` (ISO 8601)."""
    overall = tracker.overall(now)
    entries = font_entries(session, tracker, now)
    failures: Counter[str] = Counter()
    for entry in entries:
        if entry["failed_samples"] or entry["skipped_samples"]:
            failures[entry["reason"]] += entry["failed_samples"] + entry["skipped_samples"]
    return SessionSummary(
        session_id=session.session_id, project_name=session.project_name, status="completed",
        created_at=session.created_at, completed_at=utc,
        total_samples=overall.total_samples, exported_samples=overall.exported_samples,
        failed_samples=overall.failed_samples, skipped_samples=overall.skipped_samples,
        total_images=overall.total_images, exported_images=overall.exported_samples * IMAGES_PER_SAMPLE,
        failed_images=overall.failed_images,
        fonts=tuple({key: entry[key] for key in _SUMMED} for entry in entries),
        failures=dict(sorted(failures.items())), config=session.config.to_dict(), fingerprint=session.fingerprint,
    )
