"""One connection that speaks HTTP/1.1."""
