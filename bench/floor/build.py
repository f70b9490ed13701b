"""Builds the floor program with what this machine has; says which Debian packages are missing.

    python bench/floor/build.py [--install]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE, PROGRAM, RECORD = HERE / "floor.cpp", HERE / "floor", HERE / ".floor.json"
NEEDED = {"g++": "g++", "freetype": "libfreetype-dev"}
WANTED = {"isal": "libisal-dev", "crypto": "libssl-dev"}


def has_library(name: str) -> bool:
    """Whether the compiler finds the header that stands for the library."""
    header = {"freetype": "freetype2/ft2build.h", "isal": "isa-l/igzip_lib.h", "crypto": "openssl/evp.h", "z": "zlib.h"}[name]
    probe = f"#include <{header}>\n" if name != "freetype" else "#include <ft2build.h>\n"
    flags = ["-I/usr/include/freetype2"] if name == "freetype" else []
    done = subprocess.run(["g++", "-E", "-x", "c++", *flags, "-"], input=probe.encode(), capture_output=True, check=False)
    return done.returncode == 0


def missing() -> tuple[list[str], list[str]]:
    """Debian packages that are needed, and those that make the floor the real one."""
    if shutil.which("g++") is None:
        return list(NEEDED.values()), list(WANTED.values())
    needed = [] if has_library("freetype") else [NEEDED["freetype"]]
    return needed, [package for name, package in WANTED.items() if not has_library(name)]


def install(packages: list[str]) -> None:
    """Fetch Debian packages; needs root."""
    subprocess.run(["apt-get", "install", "-y", "--no-install-recommends", *packages], check=True, stdout=sys.stderr)


def compile_floor() -> dict[str, object]:
    """Build when the source is newer than the program, or the libraries are others. The record says which codec and digest it has."""
    codec = "isal" if has_library("isal") else "z"
    crypto = has_library("crypto")
    defines = [*(["-DWITH_ISAL"] if codec == "isal" else []), *(["-DWITH_CRYPTO"] if crypto else [])]
    libraries = ["-lfreetype", f"-l{codec}", *(["-lcrypto"] if crypto else [])]
    record: dict[str, object] = {"program": str(PROGRAM), "codec": codec, "digest": crypto}
    if not built_with(record):
        fresh = PROGRAM.with_name(f".floor.{os.getpid()}")
        subprocess.run(["g++", "-O3", "-march=native", "-std=c++17", "-Wall", "-Wextra", "-I/usr/include/freetype2",
                        *defines, str(SOURCE), "-o", str(fresh), *libraries], check=True)
        fresh.replace(PROGRAM)
        RECORD.write_text(json.dumps(record), encoding="utf-8")
    return record


def built_with(record: dict[str, object]) -> bool:
    """Whether the program that is there is of this source and these libraries."""
    if not (PROGRAM.exists() and RECORD.exists()):
        return False
    newest = max(SOURCE.stat().st_mtime, Path(__file__).stat().st_mtime)
    return PROGRAM.stat().st_mtime >= newest and json.loads(RECORD.read_text(encoding="utf-8")) == record


def main() -> int:
    """Build, installing first when asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--install", action="store_true", help="apt-get install what is missing (needs root)")
    wants_install = parser.parse_args().install
    needed, wanted = missing()
    if wants_install and needed + wanted:
        install(needed + wanted)
        needed, wanted = missing()
    if needed:
        print(f"the floor program needs: apt-get install {' '.join(needed + wanted)}", file=sys.stderr)
        return 2
    if wanted:
        print(f"the floor is slower without: apt-get install {' '.join(wanted)}", file=sys.stderr)
    print(json.dumps(compile_floor()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
