"""The command `python -m urlrequest`."""
