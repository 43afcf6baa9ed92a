#!/usr/bin/env bash
# aioresponses, the usual mock of aiohttp's client, cannot build a single response for today's aiohttp, and pip does not mind.
#
# Versions: aioresponses 0.7.9 with aiohttp 3.14.5; CPython 3.11.
# Expected: a mocked GET returns its body, or pip refuses to install the pair.
# Seen:     pip installs both (`pip check` is content, the requirement reads aiohttp<4.0,>=3.8), and every mocked request raises
#           TypeError: ClientResponse.__init__() missing 1 required keyword-only argument: 'stream_writer'.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check aioresponses==0.7.9 aiohttp==3.14.5
venv/bin/pip check

venv/bin/python - <<'PY'
import asyncio
import sys
from importlib.metadata import requires

import aiohttp
from aioresponses import aioresponses


async def main():
    with aioresponses() as mock:
        mock.get("http://example.test/", body="hello")
        async with aiohttp.ClientSession() as session:
            async with session.get("http://example.test/") as response:
                return await response.text()


try:
    seen = asyncio.run(main())
except TypeError as error:
    seen = str(error)
print("requires:", [line for line in requires("aioresponses") if line.startswith("aiohttp")])
print("mocked GET:", seen)
expected = "ClientResponse.__init__() missing 1 required keyword-only argument: 'stream_writer'"
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
