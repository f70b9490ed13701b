"""`python -m fontmilld`."""

import sys

from fontmilld.cli import main

if __name__ == "__main__":
    sys.exit(main())
