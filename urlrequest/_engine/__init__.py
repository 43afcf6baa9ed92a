"""The straight line of one request, from its options to its outcome."""
