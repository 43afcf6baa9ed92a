"""Threads, timers, wake-ups and deadlines; nothing here knows of HTTP."""
