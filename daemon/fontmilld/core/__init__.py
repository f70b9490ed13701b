"""The pure core: layout, ranges, planning, progress, lifecycle, reconcile, pacing. No clock, no I/O."""
