"""Where the tests' real fonts are: Debian packages that .ci/run installs."""

import os
from pathlib import Path

import pytest


def debian_fonts(*patterns):
    """Return the files below /usr/share/fonts that match. Without them: a failure in CI, a skip elsewhere."""
    found = []
    for pattern in patterns:
        files = sorted(Path("/usr/share/fonts").glob(pattern))
        if not files:
            missing = f"no {pattern} in /usr/share/fonts; .ci/run names the Debian packages to install"
            pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
        found += files
    return found
