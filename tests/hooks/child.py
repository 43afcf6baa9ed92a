"""The process of one loop: reads names of cases, a line each, and answers each with a line of JSON.

Run as `python -m hooks.child LOOP` by the Python that has the toolkit, with the library and `tests` on its path.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import time
import traceback

from hooks.cases import CASES
from hooks.loops import LOOPS
from hooks.world import NotApplicable, World


def main() -> None:
    """Answer until there are no more questions."""
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # toolkits print what they like
    loop = LOOPS[sys.argv[1]]()
    for line in sys.stdin:
        name = line.strip()
        sys.stderr.write(f"== {name}\n")
        answers.write(json.dumps({"case": name, **run_case(loop, name)}) + "\n")
        answers.flush()


def run_case(loop: object, name: str) -> dict[str, object]:
    began = time.monotonic()
    world = World(loop)  # type: ignore[arg-type]
    status, reason = "passed", ""
    try:
        with world:
            CASES[name].check(world)
            world.check_callbacks()
    except NotApplicable as error:
        status, reason = "absent", str(error)
    except BaseException:
        events = f"warnings: {world.warnings()}\nevents: {world.names()[:40]}"
        status, reason = "failed", f"{traceback.format_exc()}\n{events}"
    return {
        "status": status,
        "reason": reason,
        "seconds": round(time.monotonic() - began, 3),
        "figures": world.figures,
    }


if __name__ == "__main__":
    main()
