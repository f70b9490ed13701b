"""`python -m fontmill` is the command `fontmill`."""

from fontmill.cli.main import command

if __name__ == "__main__":
    command()
