"""`python -m fontmill` is the command `fontmill`."""

from fontmill.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
