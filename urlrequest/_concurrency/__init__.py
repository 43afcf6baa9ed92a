"""Threads, timers, wake-ups and points in time; nothing here knows of HTTP.

Reading order: `sync`, `deadline`, `wakeup`, `timer`, `worker_pool`. Invariants: WAKE, TIMER, WORKER.
"""
