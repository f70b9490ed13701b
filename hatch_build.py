"""Builds the compiled core, `fontmilld.native._core`, with the C compiler that Python itself names.

Without a compiler fontmill is installed without it: slower, the same pictures. FONTMILL_NEEDS_CORE=1 makes that an error.
"""

from __future__ import annotations

import os
import runpy
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = Path("daemon", "fontmilld", "native")
# No contraction to fused multiply-add: what a float comes to must not depend on the compiler. Nobody looks at
# errno or at floating-point exceptions, which would keep loops narrow.
FLAGS = (
    "-std=gnu11", "-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-fvisibility=hidden",
    "-fPIC", "-shared", "-Wall", "-Wextra",
)


def command(root: Path, target: Path) -> list[str]:
    """The compiler call that makes `target` of all C files."""
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    sources = sorted(str(path) for path in (root / SOURCES).glob("*.c"))
    stamp = runpy.run_path(str(root / SOURCES / "stamp.py"))["stamp"](root / SOURCES)
    return [*compiler, *FLAGS, f'-DFM_STAMP="{stamp}"', f"-I{sysconfig.get_path('include')}", *sources, "-o", str(target), "-lm", "-ldl"]


class CustomBuildHook(BuildHookInterface[Any]):
    """Compiles into the source tree, for editable installs, and puts the result into wheels."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build, or say why not."""
        del version
        if self.target_name != "wheel":
            return
        root = Path(self.root)
        target = root / SOURCES / f"_core{sysconfig.get_config_var('EXT_SUFFIX')}"
        part = target.with_suffix(".part")
        try:
            subprocess.run(command(root, part), check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            if os.environ.get("FONTMILL_NEEDS_CORE") == "1":
                raise
            target.unlink(missing_ok=True)
            print(f"fontmill: the core was not compiled ({error}); rendering will be slower", file=sys.stderr)
            return
        part.replace(target)
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        build_data["artifacts"].append(f"/{SOURCES.as_posix()}/{target.name}")
