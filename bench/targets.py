"""What must `make bench` show? Holds the results of the last suite against the targets: one JSON line each.

    python bench/targets.py [--results DIR]

`whole` is the median over the rounds of figures of whole runs, daemon and start-up counted in, `whole_range` the least and the
most of them; `net` is the median without the start, where a script measured it. `met` is the verdict on what `judged_on` names:
`whole`, or `both` where a start would flatter (a small session that is held against a large one). It is null where there was
nothing to measure. `measured` is the suite that the figure comes from.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from places import RESULTS

Line = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """`figure` of the line of `question` that has all of `where`; met when at least (or, if `at_most`, at most) `wanted`."""

    name: str
    question: str
    where: Mapping[str, Any]
    figure: str
    wanted: float
    net: str = ""
    at_most: bool = False
    both: bool = False

    def verdict(self, whole: float | None, net: float | None) -> bool | None:
        """Whether the values will do."""
        if whole is None or (self.both and net is None):
            return None
        judged = [value for value in (whole, net if self.both else None) if value is not None]
        return all(value <= self.wanted if self.at_most else value >= self.wanted for value in judged)


def endtoend(name: str, figure: str, wanted: float, preset: str = "plain", workers: int = 1, disk: str = "tmpfs") -> Target:
    """A ratio of one gray case."""
    where = {"program": "fontmill", "preset": preset, "color": "gray", "workers": workers, "disk": disk}
    return Target(name, "endtoend", where, figure, wanted, f"net_{figure}")


TARGETS = (
    endtoend("plain beside the naive Pillow loop", "cpu_vs_naive", 8),
    endtoend("plain beside doctr-synth-generator, effects off", "cpu_vs_peer", 10),
    endtoend("plain beside the C++ floor", "cpu_vs_floor", 0.5),
    endtoend("default preset, styles, effects beside plain", "cpu_vs_plain", 0.25, "default"),
    endtoend("default preset, styles, effects beside doctr-synth-generator, effects off", "cpu_vs_peer", 1, "default"),
    endtoend("2 workers beside 1, tmpfs, wall", "wall_vs_one_worker", 1.8, workers=2),
    endtoend("2 workers beside 1, disk, wall", "wall_vs_one_worker", 1.6, workers=2, disk="disk"),
    Target("200,000 samples beside 2,000, per pair", "scale", {"kind": "samples", "pairs": 200_000}, "vs_base", 1.1, "net_vs_base", at_most=True, both=True),
    Target("2,000 fonts beside 10, per pair", "scale", {"kind": "fonts", "fonts": 2000}, "vs_base", 1.2, "net_vs_base", at_most=True, both=True),
    Target("full verify by a daemon beside sha256sum on all cores", "resume", {"kind": "verify"}, "daemon_vs_sha256sum", 1, "daemon_net_vs_sha256sum"),
    Target("full verify without a daemon beside sha256sum on all cores", "resume", {"kind": "verify"}, "alone_vs_sha256sum", 1, "alone_net_vs_sha256sum"),
    Target("memory of the daemon, 1,000,000 samples to their end, MB", "memory", {"kind": "to-its-end"}, "peak_pss_mb.daemon", 150, at_most=True),
    Target("memory of a worker, plain, MB", "memory", {"kind": "plain"}, "peak_pss_mb.worker", 120, at_most=True),
    Target("memory of a worker, default preset, MB", "memory", {"kind": "default"}, "peak_pss_mb.worker", 120, at_most=True),
    Target("memory of a worker, Chinese, MB", "memory", {"kind": "cjk"}, "peak_pss_mb.worker", 200, at_most=True),
    Target("daemon's share of one core at full speed, 2 workers", "control", {"kind": "unasked"}, "daemon_core_share", 0.05, at_most=True),
)


def read(results: Path, question: str) -> list[Line]:
    """The lines of the last suite that answered a question."""
    path = results / f"{question}.jsonl"
    if not path.exists():
        return []
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [record for record in records if record.get("suite") == records[-1].get("suite")] if records else []


def figure_of(line: Line | None, path: str) -> Any:
    """A figure of a line by its dotted path, or None."""
    found: Any = line
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def median_of(figure: Any) -> float | None:
    """A number, or the median of a spread."""
    found = figure.get("median") if isinstance(figure, Mapping) else figure
    return float(found) if isinstance(found, int | float) else None


def judge(target: Target, lines: Callable[[str], list[Line]]) -> dict[str, Any]:
    """The answer for one target."""
    line = next((x for x in lines(target.question) if all(x.get(key) == wanted for key, wanted in target.where.items())), None)
    figure, net = figure_of(line, target.figure), median_of(figure_of(line, target.net)) if target.net else None
    whole = median_of(figure)
    rounds = {"whole_range": [figure["min"], figure["max"]]} if isinstance(figure, Mapping) else {}
    return {"target": target.name, "wanted": f"{'<=' if target.at_most else '>='} {target.wanted:g}", "met": target.verdict(whole, net),
            "judged_on": "both" if target.both else "whole", "whole": whole, **rounds, "net": net, "measured": line.get("suite") if line else None}


def main() -> None:
    """Judge all targets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS)
    results = parser.parse_args().results
    for target in TARGETS:
        print(json.dumps({"question": "targets", **judge(target, lambda question: read(results, question))}))


if __name__ == "__main__":
    main()
