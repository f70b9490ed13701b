"""`python -m fontmill` is the command `fontmill`."""

from fontmill.entry import command

if __name__ == "__main__":
    command()
