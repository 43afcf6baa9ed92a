"""The rules of HTTP as pure functions and values."""
