"""Random requests with all that may come in between: `python -m tests.stress.storm --requests 50000 [--seed 1]`.

One process after the other makes some thousand requests on six threads: it waits, joins, drains and cancels, closes
sessions, and forks where the system can. Most processes look at the end whether each request had one terminal event
and one on_finish, and whether a slot is lost; every fourth ends with requests that run and wait, and must end well. The
exit status is 1 when something is not so.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import random
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from typing import Any

import urlrequest
from urlrequest import Session, wait_all
from urlrequest._client.call import active_calls
from urlrequest._concurrency import worker_pool
from urlrequest.testing import Server

from .stories import ACTIONS, PATIENCE, Story, add_routes

THREADS = 6
MAX_REQUESTS = 3000  # of one process
PER_ROUND = 3.2  # requests that a thread makes in a round, on the average, those of closed sessions included
LIFETIME = 300.0  # seconds; a guard against hanging
ENDS = ("success", "failure", "redirect", "error", "cancel")


# One process


def live(urls: list[str], ca_file: str, seed: int, requests: int, *, exits: bool) -> None:
    """Make requests, and print what came of them, as JSON."""
    logging.getLogger("urlrequest").setLevel(logging.CRITICAL)  # errors are a part of it
    warnings.simplefilter("ignore")  # newer Pythons warn of forks
    urlrequest.defaults.detect_hook = False
    worker_pool.CROWD = (-1, 2, worker_pool.CROWD)[seed % 3]  # how many requests it takes for workers to leave them
    sessions = [
        Session(**options)
        for options in ({}, {"max_requests": 1}, {"max_requests": 4, "max_per_host": 2}, {"cookies": {"a": "b"}})
    ]
    stories = [Story(seed * 100 + number, urls, sessions, ca_file) for number in range(THREADS)]
    actions = [*ACTIONS, Story.fork] if hasattr(os, "fork") else ACTIONS
    rounds = max(1, int(requests / THREADS / PER_ROUND))
    threads = [threading.Thread(target=story.run, args=(rounds, actions)) for story in stories]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIFETIME)
    wrong = [repr(error) for story in stories for error in story.errors]
    wrong += [f"{thread} hangs" for thread in threads if thread.is_alive()]
    if not exits:
        wrong += look(stories, sessions)
    made = sum(len(story.names) for story in stories)
    ends = Counter(name for story in stories for names in story.names.values() for name in names if name in ENDS)
    print(json.dumps({"made": made, "ends": ends, "wrong": wrong[:5]}), flush=True)
    if exits:  # with requests that run and wait
        stories[0].run(1, [Story.leave])
        stories[0].random.choice([sys.exit, sessions[0].close, gc.collect])()


def look(stories: list[Story], sessions: list[Session]) -> list[str]:
    """What is wrong at the end."""
    made = [request for story in stories for request in story.names]
    wrong = [] if wait_all(made, timeout=PATIENCE) else ["wait_all() hangs"]
    for request in made:
        request.join(PATIENCE)
    wrong += [f"{request!r} is alive" for request in made if request.is_alive()]
    wrong += [complaint for story in stories for complaint in story.wrong(list(story.names))]
    wrong += [f"{call.request!r} is active" for call in list(active_calls)]
    for session in sessions:
        workers, limit = session._urlrequest_shared.workers, time.monotonic() + PATIENCE
        while (workers._running or workers._unmanned) and time.monotonic() < limit:
            time.sleep(0.01)
        if workers._running or workers._unmanned or workers._unmanned_at or workers._running_at or workers._waiting:
            wrong.append(f"slots are lost: {workers._running} {workers._unmanned} {workers._waiting}")
    return wrong


# All of them


def storm(requests: int, seed: int, folder: str) -> tuple[Counter[str], list[str]]:
    """Run processes until so many requests were made; what came of them."""
    import trustme

    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.cert_pem.write_to_path(f"{folder}/ca.pem")
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    total, wrong = Counter[str](), list[str]()
    with Server() as plain, Server(tls=context) as tls:
        for server in (plain, tls):
            add_routes(server)
        while total["made"] < requests and not wrong:
            seed += 1
            share = min(MAX_REQUESTS, requests - total["made"])
            options = [
                f"--live={seed}",
                f"--requests={share}",
                f"--urls={plain.url},{tls.url}",
                f"--ca={folder}/ca.pem",
            ]
            found, complaints = run([*options, "--exits"] if seed % 4 == 0 else options)
            total.update(found)
            wrong += complaints
            plain.requests.clear()
            tls.requests.clear()
    return total, wrong


def run(options: list[str]) -> tuple[dict[str, int], list[str]]:
    """Run one process to its end."""
    assert __spec__ is not None, "this is run by -m"
    command = [sys.executable, "-m", __spec__.name, *options]
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=LIFETIME, check=False)
    except subprocess.TimeoutExpired:
        return {}, [f"{options} hangs"]
    wrong = [] if process.returncode == 0 else [f"{options} ends with {process.returncode}"]
    if process.stderr:
        wrong.append(process.stderr)
    try:
        told: dict[str, Any] = json.loads(process.stdout)
    except ValueError:
        return {}, [*wrong, f"{options} prints {process.stdout!r}"]
    return {"processes": 1, "made": told["made"], **told["ends"]}, wrong + told["wrong"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    for name in ("--live", "--urls", "--ca"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    parser.add_argument("--exits", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.live:
        live(options.urls.split(","), options.ca, int(options.live), options.requests, exits=options.exits)
        return 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        total, wrong = storm(options.requests, options.seed, folder)
    figures = ", ".join(f"{count:,} {name}" for name, count in total.items())
    print(f"seed {options.seed}, {time.monotonic() - began:.0f} s: {figures}")
    print("\n".join(wrong) or "everything is as it must be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
