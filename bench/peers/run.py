"""How fast are other generators, asked for plain text pictures of the same size? One JSON line a peer.

    python bench/peers/run.py [--quick] [--rounds N] [--budget SECONDS] [--no-install] [NAME...]

Rates are marginal: a small run is taken off a large one, so start-up and imports cost the peer nothing.
Where the two are too close to tell start-up from work (--quick), there is no rate.
None of them makes pairs; `pairs_per_cpu_s` is half the images, as if a blurred picture cost no more.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from answers import emit
from costs import Counted, counted
from material import fonts, word_file
from peers.install import install, last_error, python_of
from peers.table import ABSENT, PEERS, Peer
from places import scratch
from rounds import spread

HERE = Path(__file__).resolve().parent
MOST_TIMES_LARGER = 16
LEAST_CPU_S = 1.0  # what the large run must cost beyond the small one for a rate to mean anything


def drive(peer: Peer, folder: Path, images: int) -> Counted:
    """One run of a peer into an empty folder."""
    out = folder / f"{peer.name}-{images}"
    out.mkdir()
    return counted([python_of(peer), HERE / peer.driver, "--out", out, "--images", str(images), "--words", word_file(), "--fonts", *fonts()],
                   timeout=1200, cwd=out)


def pictures(folder: Path) -> list[Path]:
    """The image files that a run has left."""
    return [p for p in folder.rglob("*") if p.suffix in {".png", ".jpg"}]


def describe(files: list[Path]) -> dict[str, object]:
    """Mean size of the pictures: what was asked for and what came."""
    from PIL import Image

    sizes = [Image.open(p).size for p in files[:50]]
    width, height = (round(sum(s[axis] for s in sizes) / len(sizes)) for axis in (0, 1))
    return {"mean_size": [width, height], "kind": files[0].suffix[1:], "bytes_per_image": round(sum(p.stat().st_size for p in files) / len(files))}


@dataclass(frozen=True, slots=True)
class Extra:
    """What a large run made and cost beyond a small one."""

    images: int
    cpu_s: float

    @property
    def rate(self) -> float:
        """Images per CPU-second."""
        return self.images / self.cpu_s


def one_round(peer: Peer, small: int, large: int) -> tuple[Extra | None, dict[str, object]]:
    """A large run beyond a small one, if they tell a rate; raises RuntimeError when the peer fails."""
    with scratch("tmpfs") as folder:
        first, second = drive(peer, folder, small), drive(peer, folder, large)
        files = pictures(folder / f"{peer.name}-{large}")
        if second.rc != 0 or len(files) < large:
            raise RuntimeError(f"{len(files)} of {large} images, exit {second.rc}: {last_error(second.stderr or second.stdout)}")
        extra = len(files) - len(pictures(folder / f"{peer.name}-{small}"))
        cost = second.cpu_s - first.cpu_s
        return Extra(extra, cost) if cost >= LEAST_CPU_S else None, {**describe(files), "startup_cpu_s": round(first.cpu_s, 2)}


def measured(peer: Peer, large: int, rounds: int, end: float) -> list[tuple[Extra | None, dict[str, object]]]:
    """Rounds of one peer: the first, and others that will likely end before the monotonic clock is at `end`."""
    began = time.monotonic()
    results = [one_round(peer, max(4, large // 20), large)]
    while len(results) < rounds and (now := time.monotonic()) + (now - began) / len(results) < end:
        results.append(one_round(peer, max(4, large // 20), large))
    return results


def long_enough(peer: Peer) -> int:
    """Images of a full run: more than the table says where that is too little to tell a rate on this machine."""
    large = peer.images
    while large < MOST_TIMES_LARGER * peer.images and one_round(peer, max(4, large // 20), large)[0] is None:
        large *= 4
    return large


def measure(peer: Peer, rounds: int, quick: bool, may_install: bool, end: float) -> dict[str, object]:
    """The peer's rate, or why it has none."""
    if not may_install and not python_of(peer).exists():
        return {"peer": peer.name, "unavailable": "not installed here: python bench/peers/install.py"}
    record = install(peer)
    if not record["installs"]:
        return record
    large = 40
    try:
        large = large if quick else long_enough(peer)
        results = measured(peer, large, rounds, end)
    except (RuntimeError, OSError) as error:
        return {**record, "runs": False, "error": str(error)}
    rates = [extra.rate for extra, _ in results if extra is not None]
    record |= {"runs": True, "note": peer.note, "images": large, **results[-1][1]}
    if not rates:
        record["no_rate"] = f"{large} images took less than {LEAST_CPU_S:g} s of CPU beyond the start"
    else:
        record |= {"images_per_cpu_s": spread(rates, 1), "pairs_per_cpu_s": spread([rate / 2 for rate in rates], 1)}
    return record


def main() -> None:
    """Measure all peers, or those named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--budget", type=float, default=math.inf, help="seconds, shared out evenly: a peer begins no further round that would end after its part")
    parser.add_argument("--no-install", action="store_true", help="measure only peers that are installed")
    args = parser.parse_args()
    end = time.monotonic() + args.budget
    chosen = [peer for peer in PEERS if not args.names or peer.name in args.names]
    for number, peer in enumerate(chosen):
        now = time.monotonic()
        emit("peers", **measure(peer, 1 if args.quick else args.rounds, args.quick, not args.no_install, now + (end - now) / (len(chosen) - number)))
    for name, reason in ABSENT.items():
        if not args.names or name in args.names:
            emit("peers", peer=name, installs=False, error=reason)


if __name__ == "__main__":
    main()
