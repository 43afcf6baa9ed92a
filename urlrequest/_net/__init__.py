"""Sockets whose every wait can be ended; nothing here knows of HTTP."""
