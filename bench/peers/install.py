"""Does the peer install today? One environment each under bench/.envs (or FONTMILL_BENCH_ENVS); one JSON line a peer.

    python bench/peers/install.py [NAME...]
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from peers.table import ABSENT, PEERS, Peer
from places import ENVS


def python_of(peer: Peer) -> Path:
    """The interpreter of the peer's environment."""
    return ENVS / peer.name / "bin" / "python"


def install(peer: Peer) -> dict[str, object]:
    """Make the environment unless it is there; what was installed, or why not."""
    stamp = ENVS / f"{peer.name}.json"
    if stamp.exists() and python_of(peer).exists():
        found: dict[str, object] = json.loads(stamp.read_text())
        return found
    shutil.rmtree(ENVS / peer.name, ignore_errors=True)
    ENVS.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, "-m", "venv", str(ENVS / peer.name)], check=True)
    done = subprocess.run([str(python_of(peer)), "-m", "pip", "install", "-q", *peer.requirements], capture_output=True, text=True, check=False)
    record = {"peer": peer.name, "installs": done.returncode == 0, "requirements": list(peer.requirements)}
    record |= {"versions": versions(peer)} if record["installs"] else {"error": last_error(done.stderr)}
    stamp.write_text(json.dumps(record))
    return record


def versions(peer: Peer) -> dict[str, str]:
    """Versions of the peer and of what most decides its speed."""
    done = subprocess.run([str(python_of(peer)), "-m", "pip", "list", "--format=json"], capture_output=True, text=True, check=True)
    wanted = {peer.requirements[0], "pillow", "numpy", "opencv-python", "arabic-reshaper"}
    return {row["name"]: row["version"] for row in json.loads(done.stdout) if row["name"].lower() in wanted}


def last_error(text: str) -> str:
    """The last line of an output that names an error, or else that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("[notice]")]
    errors = [line for line in lines if re.match(r"(ERROR|\w+(\.\w+)*(Error|Exception)): ", line)]
    return [*lines, *errors][-1][:300] if lines else "no message"


def main() -> None:
    """Install all peers, or those named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    names = parser.parse_args().names
    for peer in PEERS:
        if not names or peer.name in names:
            print(json.dumps(install(peer)), flush=True)
    for name, reason in ABSENT.items():
        if not names or name in names:
            print(json.dumps({"peer": name, "installs": False, "error": reason}), flush=True)


if __name__ == "__main__":
    main()
