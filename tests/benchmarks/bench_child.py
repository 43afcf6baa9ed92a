"""One measurement in a process of its own: `python -m tests.benchmarks.bench_child TASK`, a JSON object of arguments.

It prints the figures as one line of JSON. The task's module is imported here and nothing before it, so that a process
holds one contender only.
"""

from __future__ import annotations

import importlib
import json
import os
import sys


def main() -> None:
    """Run the task that the command line names."""
    task = json.loads(sys.argv[1])
    for name in [name for name in os.environ if name.startswith("SSL_CERT") or name.lower().endswith("_proxy")]:
        del os.environ[name]  # what the machine says of certificates and proxies
    if task["core"] is not None:
        os.sched_setaffinity(0, {task["core"]})
    module, _, function = task["task"].partition(":")
    measure = getattr(importlib.import_module(f".{module}", __package__), function)
    print(json.dumps(measure(**task["arguments"])))


if __name__ == "__main__":
    main()
