"""The functions of the compiled core; what each does is said beside its equal in Python."""
