"""The command `fontmill`."""
