"""The command `python -m urlrequest`, and its demo.

Reading order: `main`, `options`, `payload`, `output`, `progress`, `verbose`; then `demo` and `demo_screen`.
Invariants: CLI, OUTPUT, VERBOSE, DEMO.
"""
