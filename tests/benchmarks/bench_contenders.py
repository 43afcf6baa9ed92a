"""Contenders: the same few tasks done with each library, in the way in which its documentation says it is fast.

A contender is made in a process of its own. What its library cannot do is absent, and the table has a gap there.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["APART", "CONTENDERS", "GETTERS", "LOADERS", "SENDERS", "Contender", "Target"]

LIMIT = 100  # connections at once, where a library has a limit to set
READ_SIZE = 256 * 1024  # octets, where the caller chooses
CHUNK_SIZE = 8192  # octets between two progress callbacks


class Target:
    """Where to send requests, and what to trust."""

    def __init__(self, url: str, ca_file: str) -> None:
        self.url = url
        self.ca_file = ca_file
        parts = urlsplit(url)
        self.is_tls = parts.scheme == "https"
        self.host, self.port, self.path = parts.hostname or "", parts.port or 0, parts.path

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca_file)


class Contender:
    """One library. All methods are optional but `get()`."""

    name: ClassVar[str]

    def __init__(self, target: Target) -> None:
        self.target = target

    def get(self) -> Any:
        """Get the target once, its JSON parsed; the connection is kept."""
        raise NotImplementedError

    # Others have:
    #   sink(progress), memory(progress), file(path, progress): get a large body; each returns its octets
    #   burst(count, limit): get the target so often at once
    #   send(body): POST bytes, a file or an iterator of bytes; send_form(file): a form; each returns the answer

    def close(self) -> None:
        """Let go of connections."""


class Ours(Contender):
    name = "urlrequest"

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        import urlrequest

        urlrequest.UrlRequest  # noqa: B018 - brings the library, which is no part of what is measured
        self._library = urlrequest
        self._options: dict[str, Any] = {"ca_file": target.ca_file} if target.is_tls else {}

    def get(self) -> Any:
        request = self._library.UrlRequest(self.target.url, **self._options)
        request.wait()
        return request.result

    def _load(self, progress: Any, **options: Any) -> Any:
        if progress is not None:
            options["on_progress"] = lambda _, current, total: progress(current, total)
        request = self._library.UrlRequest(self.target.url, chunk_size=CHUNK_SIZE, **self._options, **options)
        request.wait()
        if request.error is not None:
            raise request.error
        return request

    def sink(self, progress: Any) -> int:
        received = 0

        def count(_: Any, octets: bytes) -> None:
            nonlocal received
            received += len(octets)

        self._load(progress, on_chunk=count)
        return received

    def memory(self, progress: Any) -> int:
        return len(self._load(progress).content)

    def file(self, path: str, progress: Any) -> int:
        self._load(progress, file_path=path)
        return os.path.getsize(path)

    def send(self, body: Any) -> str:
        return self._post(req_body=body)

    def send_form(self, file: Any) -> str:
        return self._post(files={"file": file})

    def _post(self, **options: Any) -> Any:
        request = self._library.UrlRequest(self.target.url, method="POST", **self._options, **options)
        request.wait()
        if request.error is not None:
            raise request.error
        return request.result

    def burst(self, count: int, limit: int | None) -> int:
        with contextlib.ExitStack() as stack:
            options = dict(self._options)
            if limit is not None:
                options["session"] = stack.enter_context(self._library.Session(max_requests=limit))
            requests = [self._library.UrlRequest(self.target.url, **options) for _ in range(count)]
            self._library.wait_all(requests)
            return sum(request.resp_status == 200 for request in requests)


class RawSocket(Contender):
    """The limit: one send, and receives until the octets are there."""

    name = "raw socket"

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._socket: Any = socket.create_connection((target.host, target.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if target.is_tls:
            self._socket = target.context().wrap_socket(self._socket, server_hostname=target.host)
        self._head = f"GET {target.path} HTTP/1.1\r\nHost: {target.host}:{target.port}\r\n\r\n".encode()

    def get(self) -> Any:
        body, left = self._begin()
        while left > 0:
            piece = self._socket.recv(65536)
            left -= len(piece)
            body += piece
        return json.loads(body)

    def _begin(self) -> tuple[bytes, int]:
        self._socket.send(self._head)
        octets = self._socket.recv(65536)
        head, _, body = octets.partition(b"\r\n\r\n")
        start = head.index(b"Content-Length: ") + 16
        end = head.find(b"\r", start)
        return body, int(head[start : end if end > 0 else None]) - len(body)

    def sink(self, progress: Any) -> int:
        body, left = self._begin()
        size = left + len(body)
        room = memoryview(bytearray(READ_SIZE))
        while left > 0:
            left -= self._socket.recv_into(room)
        return size

    def memory(self, progress: Any) -> int:
        body, left = self._begin()
        content = bytearray(left + len(body))
        content[: len(body)] = body
        room = memoryview(content)[len(body) :]
        while room:
            room = room[self._socket.recv_into(room) :]
        return len(content)

    def close(self) -> None:
        self._socket.close()


class HttpClient(Contender):
    name = "http.client"

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        import http.client

        if target.is_tls:
            self._connection: Any = http.client.HTTPSConnection(target.host, target.port, context=target.context())
        else:
            self._connection = http.client.HTTPConnection(target.host, target.port)

    def get(self) -> Any:
        self._connection.request("GET", self.target.path)
        return json.loads(self._connection.getresponse().read())

    def _response(self) -> Any:
        self._connection.request("GET", self.target.path)
        return self._connection.getresponse()

    def sink(self, progress: Any) -> int:
        response, received = self._response(), 0
        room = memoryview(bytearray(READ_SIZE if progress is None else CHUNK_SIZE))
        total = response.length
        while count := response.readinto(room):
            received += count
            if progress is not None:
                progress(received, total)
        return received

    def memory(self, progress: Any) -> int:
        return len(self._response().read())

    def file(self, path: str, progress: Any) -> int:
        response, received = self._response(), 0
        total = response.length
        with open(path, "wb", buffering=0) as file:
            room = memoryview(bytearray(READ_SIZE if progress is None else CHUNK_SIZE))
            while count := response.readinto(room):
                file.write(room[:count])
                received += count
                if progress is not None:
                    progress(received, total)
        return received

    def send(self, body: Any) -> str:
        is_sized = isinstance(body, bytes)
        length = len(body) if is_sized else os.fstat(body.fileno()).st_size if hasattr(body, "fileno") else None
        headers = {} if length is None else {"Content-Length": str(length)}
        self._connection.blocksize = READ_SIZE
        self._connection.request("POST", self.target.path, body, headers, encode_chunked=length is None)
        return str(self._connection.getresponse().read(), "ascii")

    def close(self) -> None:
        self._connection.close()


class PyCurl(Contender):
    name = "pycurl"

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        import pycurl

        self._pycurl = pycurl
        self._curl = self._make()

    def _make(self) -> Any:
        curl = self._pycurl.Curl()
        curl.setopt(curl.URL, self.target.url)
        curl.setopt(curl.NOSIGNAL, 1)
        curl.setopt(curl.CAINFO, self.target.ca_file)
        curl.setopt(curl.BUFFERSIZE, READ_SIZE)
        return curl

    def get(self) -> Any:
        return json.loads(self._curl.perform_rb())

    def _load(self, write: Any, progress: Any) -> int:
        curl = self._curl
        curl.setopt(curl.WRITEFUNCTION, write)
        if progress is not None:
            curl.setopt(curl.NOPROGRESS, 0)
            curl.setopt(curl.XFERINFOFUNCTION, lambda total, now, *_: progress(now, total))
        curl.perform()
        return int(curl.getinfo(curl.SIZE_DOWNLOAD))

    def sink(self, progress: Any) -> int:
        return self._load(len, progress)

    def memory(self, progress: Any) -> int:
        from io import BytesIO

        buffer = BytesIO()
        self._load(buffer.write, progress)
        return len(buffer.getvalue())

    def file(self, path: str, progress: Any) -> int:
        with open(path, "wb") as file:
            return self._load(file.write, progress)

    def send(self, body: Any) -> str:
        from io import BytesIO

        curl = self._curl
        curl.setopt(curl.POST, 1)
        curl.setopt(curl.HTTPHEADER, ["Expect:"])
        curl.setopt(curl.UPLOAD_BUFFERSIZE, READ_SIZE)
        if isinstance(body, bytes):
            curl.setopt(curl.READDATA, BytesIO(body))
            curl.setopt(curl.POSTFIELDSIZE_LARGE, len(body))
        elif hasattr(body, "fileno"):
            curl.setopt(curl.READDATA, body)
            curl.setopt(curl.POSTFIELDSIZE_LARGE, os.fstat(body.fileno()).st_size)
        else:  # of 64 KiB, as it asks for that much at least
            curl.setopt(curl.READFUNCTION, lambda _: next(body, b""))
            curl.setopt(curl.POSTFIELDSIZE_LARGE, -1)
            curl.setopt(curl.HTTPHEADER, ["Expect:", "Transfer-Encoding: chunked"])
        return str(curl.perform_rb(), "ascii")

    def send_form(self, file: Any) -> str:
        curl = self._curl
        curl.setopt(curl.HTTPPOST, [("file", (curl.FORM_FILE, file.name))])
        curl.setopt(curl.HTTPHEADER, ["Expect:"])
        return str(curl.perform_rb(), "ascii")

    def burst(self, count: int, limit: int | None) -> int:
        from io import BytesIO

        multi = self._pycurl.CurlMulti()
        multi.setopt(self._pycurl.M_MAX_TOTAL_CONNECTIONS, LIMIT if limit is None else limit)
        handles = [self._make() for _ in range(count)]
        for handle in handles:
            handle.setopt(handle.WRITEDATA, BytesIO())
            multi.add_handle(handle)
        running = count
        while running:
            _, running = multi.perform()
            if running:
                multi.select(1.0)
        done = sum(handle.getinfo(handle.RESPONSE_CODE) == 200 for handle in handles)
        for handle in handles:
            multi.remove_handle(handle)
        return done


class SystemCurl(PyCurl):
    """pycurl with the system's libcurl, and so with the OpenSSL that Python uses: the wheel brings a newer one."""

    name = "pycurl (system)"


class Urllib3(Contender):
    name = "urllib3"

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        import urllib3

        self._pool = urllib3.PoolManager(maxsize=LIMIT, ca_certs=target.ca_file)

    def get(self) -> Any:
        return self._pool.request("GET", self.target.url).json()

    def sink(self, progress: Any) -> int:
        response, received = self._pool.request("GET", self.target.url, preload_content=False), 0
        total = int(response.headers["Content-Length"])
        for piece in response.stream(READ_SIZE if progress is None else CHUNK_SIZE):
            received += len(piece)
            if progress is not None:
                progress(received, total)
        response.release_conn()
        return received

    def memory(self, progress: Any) -> int:
        return len(self._pool.request("GET", self.target.url).data)

    def send(self, body: Any) -> str:
        return str(self._pool.request("POST", self.target.url, body=body).data, "ascii")

    def send_form(self, file: Any) -> str:
        fields = {"file": ("body", file.read())}
        return str(self._pool.request("POST", self.target.url, fields=fields).data, "ascii")

    def burst(self, count: int, limit: int | None) -> int:
        responses = _in_threads(lambda: self._pool.request("GET", self.target.url), count, limit)
        return sum(response.status == 200 for response in responses)


class Requests(Contender):
    name = "requests"

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._session = self._make_session()

    def _make_session(self) -> Any:
        import requests
        from requests.adapters import HTTPAdapter

        session = requests.Session()
        session.verify = self.target.ca_file
        session.trust_env = False
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(pool_maxsize=LIMIT))
        return session

    def get(self) -> Any:
        return self._session.get(self.target.url).json()

    def _pieces(self, progress: Any) -> Any:
        response = self._session.get(self.target.url, stream=True)
        total, received = int(response.headers["Content-Length"]), 0
        for piece in response.iter_content(READ_SIZE if progress is None else CHUNK_SIZE):
            received += len(piece)
            if progress is not None:
                progress(received, total)
            yield piece

    def sink(self, progress: Any) -> int:
        return sum(map(len, self._pieces(progress)))

    def memory(self, progress: Any) -> int:
        return len(self._session.get(self.target.url).content)

    def file(self, path: str, progress: Any) -> int:
        with open(path, "wb") as file:
            return sum(map(file.write, self._pieces(progress)))

    def send(self, body: Any) -> str:
        return str(self._session.post(self.target.url, data=body).text)

    def send_form(self, file: Any) -> str:
        return str(self._session.post(self.target.url, files={"file": file}).text)

    def burst(self, count: int, limit: int | None) -> int:
        responses = _in_threads(lambda: self._session.get(self.target.url), count, limit)
        return sum(response.status_code == 200 for response in responses)


class Niquests(Requests):
    """The successor of requests; in an environment of its own, as it replaces urllib3's code."""

    name = "niquests"

    def _make_session(self) -> Any:
        import niquests

        session = niquests.Session(pool_maxsize=LIMIT)
        session.verify = self.target.ca_file
        session.trust_env = False
        return session


class RequestsFutures(Contender):
    name = "requests-futures"

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        from requests_futures.sessions import FuturesSession

        self._make = FuturesSession
        self._session = self._with(LIMIT)

    def _with(self, workers: int) -> Any:
        session = self._make(max_workers=workers)
        session.verify, session.trust_env = self.target.ca_file, False
        return session

    def get(self) -> Any:
        return self._session.get(self.target.url).result().json()

    def burst(self, count: int, limit: int | None) -> int:
        session = self._session if limit is None else self._with(limit)
        futures = [session.get(self.target.url) for _ in range(count)]
        return sum(future.result().status_code == 200 for future in futures)


class Httpx(Contender):
    name = "httpx"

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        import httpx

        self._httpx = httpx
        self._verify: Any = target.context() if target.is_tls else False
        self._client = httpx.Client(verify=self._verify, trust_env=False, timeout=60)

    def get(self) -> Any:
        return self._client.get(self.target.url).json()

    def sink(self, progress: Any) -> int:
        received = 0
        with self._client.stream("GET", self.target.url) as response:
            total = int(response.headers["Content-Length"])
            for piece in response.iter_bytes(None if progress is None else CHUNK_SIZE):
                received += len(piece)
                if progress is not None:
                    progress(received, total)
        return received

    def memory(self, progress: Any) -> int:
        return len(self._client.get(self.target.url).content)

    def send(self, body: Any) -> str:
        return str(self._client.post(self.target.url, content=body).text)

    def send_form(self, file: Any) -> str:
        return str(self._client.post(self.target.url, files={"file": file}).text)

    def burst(self, count: int, limit: int | None) -> int:
        import asyncio

        async def run() -> int:
            limits = self._httpx.Limits(max_connections=LIMIT if limit is None else limit)
            async with self._httpx.AsyncClient(
                verify=self._verify, trust_env=False, limits=limits, timeout=60
            ) as client:
                responses = await asyncio.gather(*(client.get(self.target.url) for _ in range(count)))
            return sum(response.status_code == 200 for response in responses)

        return asyncio.run(run())


class Aiohttp(Contender):
    name = "aiohttp"

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        import asyncio

        self._loop = asyncio.new_event_loop()
        self._session = self._loop.run_until_complete(self._open(None))

    async def _open(self, limit: int | None) -> Any:
        import aiohttp

        context: Any = self.target.context() if self.target.is_tls else True
        connector = aiohttp.TCPConnector(limit=LIMIT if limit is None else limit, ssl=context)
        return aiohttp.ClientSession(connector=connector, read_bufsize=READ_SIZE)

    def get(self) -> Any:
        return self._loop.run_until_complete(self._get(self._session))

    async def _get(self, session: Any) -> Any:
        async with session.get(self.target.url) as response:
            return await (response.json() if response.content_type == "application/json" else response.read())

    def send(self, body: Any) -> str:
        if isinstance(body, bytes):
            import io

            body = io.BytesIO(body)  # as its documentation says: bytes of more than a MiB hold the loop
        elif not hasattr(body, "read"):
            body = _aiter(body)
        return self._loop.run_until_complete(self._send(body))

    def send_form(self, file: Any) -> str:
        import aiohttp

        form = aiohttp.FormData()
        form.add_field("file", file, filename="body")
        return self._loop.run_until_complete(self._send(form))

    async def _send(self, body: Any) -> str:
        async with self._session.post(self.target.url, data=body) as response:
            return str(await response.text())

    def sink(self, progress: Any) -> int:
        async def run() -> int:
            received = 0
            async with self._session.get(self.target.url) as response:
                total = response.content_length
                pieces = response.content.iter_any() if progress is None else response.content.iter_chunked(CHUNK_SIZE)
                async for piece in pieces:
                    received += len(piece)
                    if progress is not None:
                        progress(received, total)
            return received

        return self._loop.run_until_complete(run())

    def memory(self, progress: Any) -> int:
        async def run() -> int:
            async with self._session.get(self.target.url) as response:
                return len(await response.read())

        return self._loop.run_until_complete(run())

    def burst(self, count: int, limit: int | None) -> int:
        import asyncio

        async def run() -> int:
            async with await self._open(limit) as session:
                results = await asyncio.gather(*(self._get(session) for _ in range(count)))
            return sum(result is not None for result in results)

        return self._loop.run_until_complete(run())

    def close(self) -> None:
        self._loop.run_until_complete(self._session.close())
        self._loop.close()


class Qt(Contender):
    name = "QNetworkAccessManager"

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        from PySide6 import QtCore, QtNetwork

        self._core, self._network = QtCore, QtNetwork
        self._app = QtCore.QCoreApplication.instance() or QtCore.QCoreApplication([])
        self._access = QtNetwork.QNetworkAccessManager()
        self._request = QtNetwork.QNetworkRequest(QtCore.QUrl(target.url))
        self._request.setAttribute(QtNetwork.QNetworkRequest.Attribute.Http2AllowedAttribute, False)
        if target.is_tls:
            configuration = QtNetwork.QSslConfiguration.defaultConfiguration()
            configuration.addCaCertificates(target.ca_file)
            self._request.setSslConfiguration(configuration)

    def start(self) -> Any:
        """Start a request; its signals tell the rest."""
        return self._access.get(self._request)

    def _run(self, reply: Any) -> None:
        loop = self._core.QEventLoop()
        reply.finished.connect(loop.quit)
        loop.exec()
        if reply.error() != self._network.QNetworkReply.NetworkError.NoError:
            raise OSError(reply.errorString())

    def get(self) -> Any:
        reply = self.start()
        self._run(reply)
        result = json.loads(reply.readAll().data())
        reply.deleteLater()
        return result

    def _load(self, take: Any, progress: Any) -> int:
        reply, received = self.start(), 0

        def read() -> None:
            nonlocal received
            received += take(reply.readAll())

        reply.readyRead.connect(read)
        if progress is not None:
            reply.downloadProgress.connect(progress)
        self._run(reply)
        read()
        reply.deleteLater()
        return received

    def sink(self, progress: Any) -> int:
        return self._load(lambda octets: octets.size(), progress)

    def memory(self, progress: Any) -> int:
        reply = self.start()
        if progress is not None:
            reply.downloadProgress.connect(progress)
        self._run(reply)
        return reply.readAll().size()

    def file(self, path: str, progress: Any) -> int:
        file = self._core.QFile(path)
        file.open(self._core.QIODevice.OpenModeFlag.WriteOnly)
        try:
            return self._load(file.write, progress)
        finally:
            file.close()

    def burst(self, count: int, limit: int | None) -> int:
        loop, left = self._core.QEventLoop(), count

        def end() -> None:
            nonlocal left
            left -= 1
            if not left:
                loop.quit()

        replies = [self.start() for _ in range(count)]
        for reply in replies:
            reply.finished.connect(end)
        loop.exec()
        return sum(reply.error() == self._network.QNetworkReply.NetworkError.NoError for reply in replies)


class Kivy(Contender):
    """Kivy's class with `wait()` and the shortest pause that makes sense; it opens a connection for each request."""

    name = "Kivy UrlRequest"
    PAUSE = 0.001  # seconds

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        from kivy.network.urlrequest import UrlRequest

        self._class = UrlRequest
        self._options: dict[str, Any] = {"ca_file": target.ca_file} if target.is_tls else {}

    def get(self) -> Any:
        request = self._class(self.target.url, **self._options)
        request.wait(self.PAUSE)
        return request.result

    def _load(self, progress: Any, **options: Any) -> Any:
        if progress is not None:
            options["on_progress"] = lambda _, current, total: progress(current, total)
        # Without progress it may take what it likes at a time.
        size = READ_SIZE if progress is None else CHUNK_SIZE
        request = self._class(self.target.url, chunk_size=size, **self._options, **options)
        request.wait(self.PAUSE)
        return request

    def memory(self, progress: Any) -> int:
        return len(self._load(progress).result)

    def file(self, path: str, progress: Any) -> int:
        self._load(progress, file_path=path)
        return os.path.getsize(path)

    def burst(self, count: int, limit: int | None) -> int:
        requests = [self._class(self.target.url, **self._options) for _ in range(count)]
        for request in requests:
            request.wait(self.PAUSE)
        return sum(request.resp_status == 200 for request in requests)


class CurlCommand(Contender):
    """The command: a process a download; small requests go over one connection of one process."""

    name = "curl (command)"

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        import subprocess

        self._run: Callable[..., Any] = subprocess.run

    def _curl(self, *arguments: str) -> Any:
        command = ["curl", "--silent", "--show-error", "--cacert", self.target.ca_file, *arguments]
        return self._run(command, check=True, capture_output=True)

    def get_many(self, count: int) -> None:
        """Get the target so often, one after the other."""
        self._curl("--output", os.devnull, f"{self.target.url}?[1-{count}]")

    def sink(self, progress: Any) -> int:
        done = self._curl("--output", os.devnull, "--write-out", "%{size_download}", self.target.url)
        return int(done.stdout)

    def file(self, path: str, progress: Any) -> int:
        self._curl("--output", path, self.target.url)
        return os.path.getsize(path)


async def _aiter(pieces: Any) -> Any:
    for piece in pieces:
        yield piece


def _in_threads(get: Callable[[], Any], count: int, limit: int | None) -> list[Any]:
    """All responses, with their bodies: each contender keeps them until the last one is here."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(LIMIT if limit is None else limit) as executor:
        return list(executor.map(lambda _: get(), range(count)))


CONTENDERS: dict[str, type[Contender]] = {
    contender.name: contender
    for contender in (
        Ours,
        RawSocket,
        PyCurl,
        SystemCurl,
        HttpClient,
        Aiohttp,
        Urllib3,
        Httpx,
        Requests,
        Niquests,
        RequestsFutures,
        Qt,
        Kivy,
        CurlCommand,
    )
}

GETTERS = tuple(CONTENDERS)

_SINKS = tuple(name for name, contender in CONTENDERS.items() if hasattr(contender, "sink"))
_MEMORIES = tuple(
    name for name, contender in CONTENDERS.items() if hasattr(contender, "memory") and name != "raw socket"
)
_FILES = tuple(name for name, contender in CONTENDERS.items() if hasattr(contender, "file"))
_TALKERS = tuple(name for name in _SINKS if name not in {"raw socket", "QNetworkAccessManager", "curl (command)"})

# Contenders whose packages would disturb those of others: they run in an environment of their own, if there is one.
APART = ("pycurl (system)", "niquests")

# Who sends a large body, and who a form with a file.
SENDERS: dict[str, tuple[str, ...]] = {
    task: tuple(name for name, contender in CONTENDERS.items() if hasattr(contender, task))
    for task in ("send", "send_form")
}

# Who gets a large body to where, with or without progress.
LOADERS: dict[tuple[str, bool], tuple[str, ...]] = {
    ("sink", False): _SINKS,
    ("sink", True): _TALKERS,
    ("memory", False): _MEMORIES,
    ("memory", True): ("urlrequest", "pycurl"),  # Kivy's class takes time that grows with the square
    ("file", False): _FILES,
    ("file", True): tuple(name for name in _FILES if name != "curl (command)"),
}
