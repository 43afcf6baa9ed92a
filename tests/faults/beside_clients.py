"""One request by one client, in a process of its own: `python beside_clients.py '{"client": "requests", ...}'`.

It needs no more than the client itself, so it runs on any Python that has it. What came of the request is printed as a
line of JSON: `body` (the text, cut short) and `size`, or `error` and `says`.

Each client gets the time limit that holds for most of a request; what it calls so is in its function.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from typing import Any

MOST_MEMORY = 2 << 30  # octets of address space; a client that wants more has run out of memory
PAUSE = 0.5  # seconds between two requests of one client


class Failed(Exception):
    """The error of a client that does not raise it."""


def with_urlrequest(ask: Any) -> Any:
    from urlrequest import Session

    with Session(ca_file=ask.ca_file, timeout=ask.seconds, deadline=ask.seconds) as session:
        for _ in ask.times():
            request = session.get(ask.url, file_path=ask.file)
            request.wait()
    if request.error is not None:
        raise request.error
    return request.content


def with_http_client(ask: Any) -> Any:
    import http.client
    import ssl
    from urllib.parse import urlsplit

    host = urlsplit(ask.url).netloc
    if ask.url.startswith("https:"):
        context = ssl.create_default_context(cafile=ask.ca_file)
        connection: Any = http.client.HTTPSConnection(host, timeout=ask.seconds, context=context)
    else:
        connection = http.client.HTTPConnection(host, timeout=ask.seconds)
    for _ in ask.times():
        connection.request("GET", "/", headers={"Accept-Encoding": "identity"})
        content = connection.getresponse().read()
    return content


def with_requests(ask: Any) -> Any:
    import requests

    return _by_session(ask, requests.Session())


def with_niquests(ask: Any) -> Any:
    import niquests

    return _by_session(ask, niquests.Session())


def _by_session(ask: Any, session: Any) -> Any:
    session.trust_env, session.verify = False, ask.ca_file
    for _ in ask.times():
        content = session.get(ask.url, timeout=ask.seconds).content
    return content


def with_urllib3(ask: Any) -> Any:
    import urllib3

    pool = urllib3.PoolManager(ca_certs=ask.ca_file, retries=urllib3.Retry(1, read=0))
    for _ in ask.times():
        content = pool.request(
            "GET",
            ask.url,
            headers={"Accept-Encoding": "gzip"},
            timeout=urllib3.Timeout(total=ask.seconds),
        ).data
    return content


def with_httpx(ask: Any) -> Any:
    import ssl

    import httpx

    context = ssl.create_default_context(cafile=ask.ca_file)
    with httpx.Client(timeout=ask.seconds, verify=context, trust_env=False) as client:
        for _ in ask.times():
            content = client.get(ask.url).content
    return content


def with_aiohttp(ask: Any) -> Any:
    import asyncio
    import ssl

    import aiohttp

    async def get() -> Any:
        context = ssl.create_default_context(cafile=ask.ca_file)
        limit = aiohttp.ClientTimeout(total=ask.seconds)
        async with aiohttp.ClientSession(timeout=limit, connector=aiohttp.TCPConnector(ssl=context)) as session:
            for _ in ask.times(sleeps=False):
                async with session.get(ask.url) as response:
                    content = await response.read()
                await asyncio.sleep(PAUSE if ask.count > 1 else 0)
        return content

    return asyncio.run(get())


def with_curl(ask: Any) -> Any:
    import tempfile

    with tempfile.NamedTemporaryFile() as file:
        command = ["curl", "-q", "--silent", "--show-error", "--compressed", "--cacert", ask.ca_file]
        command += ["--max-time", str(ask.seconds * ask.count), "--noproxy", "*"]
        if ask.count > 1:
            command += ["--rate", "120/m"]  # a pause of half a second
        for number in range(ask.count):
            last = ask.file or file.name
            command += ["--output", last if number + 1 == ask.count else "/dev/null", ask.url]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed(done.stderr.strip())
        file.seek(0)
        return file.read()


def with_kivy(ask: Any) -> Any:
    from kivy.clock import Clock
    from kivy.network.urlrequest import UrlRequest

    for _ in ask.times():
        ends: list[Any] = []
        UrlRequest(
            ask.url,
            on_success=lambda _, result, ends=ends: ends.append(result),
            on_failure=lambda _, result, ends=ends: ends.append(Failed(result)),
            on_error=lambda _, error, ends=ends: ends.append(error),
            timeout=ask.seconds,
            ca_file=ask.ca_file,
            file_path=ask.file,
        )
        while not ends:
            Clock.tick()
            time.sleep(0.01)
    if isinstance(ends[0], BaseException):
        raise ends[0]
    return ends[0]


CLIENTS = {
    "urlrequest": with_urlrequest,
    "Kivy": with_kivy,
    "requests": with_requests,
    "niquests": with_niquests,
    "urllib3": with_urllib3,
    "httpx": with_httpx,
    "aiohttp": with_aiohttp,
    "http.client": with_http_client,
    "curl": with_curl,
}


class Ask:
    """What to ask for."""

    def __init__(self, client: str, url: str, ca_file: str, seconds: float, count: int, file: str | None) -> None:
        self.client, self.url, self.ca_file, self.seconds = client, url, ca_file, seconds
        self.count, self.file = count, file

    def times(self, *, sleeps: bool = True) -> Any:
        """So many times, with a pause in between."""
        for number in range(self.count):
            if number and sleeps:
                time.sleep(PAUSE)
            yield number


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    ask = Ask(**json.loads(sys.argv[1]))
    found: dict[str, Any]
    try:
        content = CLIENTS[ask.client](ask)
    except BaseException as error:
        found = {"error": type(error).__name__, "says": str(error)[:300]}
    else:
        text = content if isinstance(content, str) else bytes(content or b"").decode("latin-1")
        found = {"body": text[:100], "size": len(text)}
    print("\n" + json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
