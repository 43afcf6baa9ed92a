"""How long it takes until the first request can be made, and until the first over TLS is answered."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

__all__ = ["first_https", "import_time"]

# What each library's user imports, and the name that is used first: some libraries import themselves with that.
MODULES = {
    "urlrequest": ("urlrequest", "UrlRequest"),
    "http.client": ("http.client", "HTTPSConnection"),
    "pycurl": ("pycurl", "Curl"),
    "urllib3": ("urllib3", "PoolManager"),
    "aiohttp": ("aiohttp", "ClientSession"),
    "httpx": ("httpx", "Client"),
    "requests": ("requests", "Session"),
    "QNetworkAccessManager": ("PySide6.QtNetwork", "QNetworkAccessManager"),
    "Kivy UrlRequest": ("kivy.network.urlrequest", "UrlRequest"),
}

# What each library's user writes. URL, HOST, PORT and CA are set before; the certificates are the public ones and ours.
SCRIPTS = {
    "urlrequest": (
        "from urlrequest import UrlRequest",
        "r = UrlRequest(URL, ca_file=CA); r.wait(); assert r.resp_status == 200, r.error",
    ),
    "http.client": (
        "import http.client, json, ssl",
        """c = http.client.HTTPSConnection(HOST, PORT, context=ssl.create_default_context(cafile=CA))
c.request('GET', '/small.json'); json.loads(c.getresponse().read())""",
    ),
    "pycurl": (
        "import pycurl, json",
        "c = pycurl.Curl(); c.setopt(c.URL, URL); c.setopt(c.CAINFO, CA); json.loads(c.perform_rb())",
    ),
    "urllib3": ("import urllib3", "urllib3.PoolManager(ca_certs=CA).request('GET', URL).json()"),
    "requests": ("import requests", "requests.get(URL, verify=CA).json()"),
    "httpx": ("import httpx, ssl", "httpx.get(URL, verify=ssl.create_default_context(cafile=CA)).json()"),
    "Kivy UrlRequest": (
        "from kivy.network.urlrequest import UrlRequest",
        "r = UrlRequest(URL, ca_file=CA); r.wait(0.001); assert r.resp_status == 200, r.error",
    ),
}

PREFIX = "import sys, time\nbegan = time.perf_counter()\n"
CPU = "time.process_time() * 1000"  # of the whole process, its own start included


def import_time(contender: str, repeats: int = 5) -> dict[str, float]:
    """Milliseconds that an import takes in a fresh interpreter, its bytecode written already; the best of some.

    Besides "cpu": those of CPU time, the start of the interpreter included.
    """
    module, name = MODULES[contender]
    statements = {"time": f"import {module}", "used": f"from {module} import {name}"}
    scripts = {
        figure: f"{PREFIX}{statement}\nprint((time.perf_counter() - began) * 1000, {CPU})"
        for figure, statement in statements.items()
    }
    times = {figure: _columns(_run(script, repeats)) for figure, script in scripts.items()}
    return {**{figure: min(columns[0]) for figure, columns in times.items()}, "cpu": min(times["used"][1])}


def first_https(contender: str, url: str, host: str, port: int, ca_file: str, repeats: int = 3) -> dict[str, float]:
    """Milliseconds from the import to the answer, and without the import; in fresh interpreters, the best of some."""
    imports, request = SCRIPTS[contender]
    script = (
        f"{PREFIX}URL, HOST, PORT, CA = {url!r}, {host!r}, {port!r}, {ca_file!r}\n{imports}\n"
        f"imported = time.perf_counter()\n{request}\nended = time.perf_counter()\n"
        f"print((ended - began) * 1000, (ended - imported) * 1000, {CPU})"
    )
    total, request, cpu = map(min, _columns(_run(script, repeats)))
    return {"total": total, "request": request, "cpu": cpu}


def _columns(lines: list[str]) -> list[tuple[float, ...]]:
    """The figures of all lines, by their place."""
    return list(zip(*(tuple(map(float, line.split())) for line in lines), strict=True))


def _run(script: str, repeats: int) -> list[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    # The bytecode of this checkout stays out of it.
    environment["PYTHONPYCACHEPREFIX"] = os.path.join(tempfile.gettempdir(), f"urlrequest-bench-bytecode-{os.getuid()}")
    command = [sys.executable, "-c", script]
    runs = [
        subprocess.run(command, env=environment, capture_output=True, text=True, check=True) for _ in range(repeats + 1)
    ]
    return [run.stdout.splitlines()[-1] for run in runs[1:]]  # the first writes the bytecode
