"""`python -m fontmilld`."""

from fontmilld.cli import command

if __name__ == "__main__":
    command()
