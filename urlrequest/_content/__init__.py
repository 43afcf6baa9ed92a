"""Bodies, in and out."""
