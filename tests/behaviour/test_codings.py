"""Content codings and charsets (contract 4.1, 4.6, 4.7 and 17.6), through whole requests."""

from __future__ import annotations

import gzip
import hashlib
import sys
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from support.children import start_python
from support.messages import raw_deflate
from urlrequest import errors
from urlrequest._content.known_encodings import accepted_codings
from urlrequest.testing import Reply, Server, send

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

brotli = pytest.importorskip("brotli")

TEXT = ("the quick brown fox, größer – " * 2000).encode()
PLAIN = {"Content-Type": "text/plain; charset=utf-8"}


def zstd(octets: bytes) -> bytes:
    if "zstd" not in accepted_codings():
        pytest.skip("no decoder of zstd is here")
    if sys.version_info >= (3, 14):
        from compression.zstd import compress

        return compress(octets)  # type: ignore[no-any-return]
    import zstandard

    return zstandard.ZstdCompressor().compress(octets)


def two_members(octets: bytes) -> bytes:
    half = len(octets) // 2
    return gzip.compress(octets[:half]) + gzip.compress(octets[half:])


CODINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZip", gzip.compress),
    "two members": ("gzip", two_members),
    "deflate": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstd),
    "two codings": ("gzip, br", lambda octets: brotli.compress(gzip.compress(octets))),
    "identity": ("identity", bytes),
}


def serve(server: Server, coding: str, body: bytes | Callable[[], Iterator[bytes]], **fields: str) -> None:
    headers = {**PLAIN, "Content-Encoding": coding, **fields}
    server.route("/", lambda request: Reply(200, body if isinstance(body, bytes) else body(), headers))


@pytest.mark.parametrize("what", CODINGS)
@pytest.mark.parametrize("piece", [None, 1000])
def test_4_6_codings(server: Server, recorder: Any, what: str, piece: int | None) -> None:
    """Contract 4.6: every coding that is asked for is undone, in one piece and in chunks."""
    name, encode = CODINGS[what]
    packed = encode(TEXT)
    chunks = [packed[at : at + (piece or len(packed))] for at in range(0, len(packed), piece or len(packed))]
    serve(server, name, packed if piece is None else lambda: iter(chunks))
    request = recorder.run(server.url)

    assert (TEXT.decode(), TEXT) == (request.result, request.content)
    for coding in name.lower().replace("x-", "").split(", "):
        assert coding == "identity" or coding in str(server.requests[0].header("Accept-Encoding"))


@pytest.mark.parametrize("what", [name for name in CODINGS if name != "identity"])
@pytest.mark.parametrize("is_chunked", [True, False])
def test_fault_77_truncated(server: Server, recorder: Any, what: str, is_chunked: bool) -> None:
    """Contract 4.6, fault 77: a coding that ends early is an error, though the message itself is complete."""
    name, encode = CODINGS[what]
    packed = encode(TEXT)[:-5]
    serve(server, name, (lambda: iter([packed])) if is_chunked else packed)
    request = recorder.run(server.url)

    assert isinstance(request.error, errors.ContentDecodingError)
    assert None is request.content


@pytest.mark.parametrize("what", ["gzip", "deflate", "raw deflate", "br", "zstd"])
def test_fault_77_corrupt(server: Server, recorder: Any, what: str) -> None:
    """Contract 4.6, fault 77: octets that are no such coding, or that were damaged, are an error."""
    name, encode = CODINGS[what]
    packed = bytearray(encode(TEXT))
    packed[0] ^= 0xFF
    packed[len(packed) // 2] ^= 0xFF
    serve(server, name, bytes(packed))
    request = recorder.run(server.url)

    assert isinstance(request.error, errors.ContentDecodingError)


def test_fault_77_wrong_checksum_of_gzip(server: Server, recorder: Any) -> None:
    """Fault 77: the CRC of gzip is looked at."""
    packed = bytearray(gzip.compress(TEXT))
    packed[-6] ^= 1
    serve(server, "gzip", bytes(packed))

    assert isinstance(recorder.run(server.url).error, errors.ContentDecodingError)


def test_fault_79_unknown_coding_is_left_alone(server: Server, recorder: Any) -> None:
    """Fault 79: what we cannot undo and did not ask for is handed on as octets or text."""
    serve(server, "rot13", b"uryyb")

    assert "uryyb" == recorder.run(server.url).result


def test_fault_79_many_codings(server: Server, recorder: Any) -> None:
    """Fault 79: more than five codings are refused."""
    serve(server, ", ".join(["gzip"] * 6), b"")

    assert isinstance(recorder.run(server.url).error, errors.ContentDecodingError)


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_4_7_coding_without_content(server: Server, recorder: Any, status: int, method: str) -> None:
    """Contract 4.7: a response without content has no coding to undo, whatever it says."""
    server.play(send(f"HTTP/1.1 {status} X\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n".encode()))
    request = recorder.run(server.url, method=method)

    assert ("", None) == (request.result, request.error)


def test_4_6_the_callers_accept_encoding_wins(server: Server, recorder: Any) -> None:
    """Contract 4.6: who asks for a coding gets it as it is."""
    packed = gzip.compress(TEXT)
    serve(server, "gzip", packed)
    request = recorder.run(server.url, req_headers={"accept-encoding": "gzip"})

    assert packed == request.content


@pytest.mark.parametrize("what", ["gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize("limit", [len(TEXT) - 1, len(TEXT)])
def test_17_6_max_size_is_of_the_decoded_body(server: Server, recorder: Any, what: str, limit: int) -> None:
    """Contract 17.6: the limit holds for what comes out, not only for what comes in."""
    name, encode = CODINGS[what]
    serve(server, name, encode(TEXT))
    request = recorder.run(server.url, max_size=limit)

    assert isinstance(request.error, errors.ContentTooLarge) is (limit < len(TEXT))


@pytest.mark.parametrize("limit", [0, 4, 5, 6])
@pytest.mark.parametrize("has_length", [True, False])
@pytest.mark.parametrize("status", [200, 500])
def test_17_6_max_size(server: Server, recorder: Any, limit: int, has_length: bool, status: int) -> None:
    """Contract 17.6: a body is refused by its length before it is read, and else while it is."""
    server.route("/", lambda request: Reply(status, b"12345" if has_length else iter([b"12", b"345"])))
    request = recorder.run(server.url, max_size=limit)

    assert isinstance(request.error, errors.ContentTooLarge) is (limit < 5)


@pytest.mark.parametrize(("limit", "error"), [(-1, ValueError), ("5", TypeError), (True, TypeError), (1.5, TypeError)])
def test_17_6_max_size_that_is_none(server: Server, recorder: Any, limit: Any, error: type[Exception]) -> None:
    """Contract 17.6, 2.3: what is no size is an error before anything is sent."""
    request = recorder.run(server.url, max_size=limit)

    assert isinstance(request.error, error)
    assert 0 == server.connection_count


# Charsets


@pytest.mark.parametrize(
    ("content_type", "octets", "expected"),
    [
        ("text/plain; charset=latin-1", b"gr\xfc\xdfe", "grüße"),
        ('text/plain; Charset="UTF-16"', "grüße".encode("utf-16"), "grüße"),
        ("text/plain", "grüße".encode(), "grüße"),
        ("text/plain", b"\xef\xbb\xbf" + "grüße".encode(), "grüße"),
        ("text/plain; charset=latin-1", b"\xef\xbb\xbf" + "grüße".encode(), "grüße"),
        ("text/plain", b"gr\xfc\xdfe", b"gr\xfc\xdfe"),
        ("text/plain; charset=nonsense", b"\xff", b"\xff"),
        ("text/plain; charset=rot13", b"abc", "abc"),
        ("image/png", b"abc", b"abc"),
        ("image/svg+xml", b"<svg/>", "<svg/>"),
        ("application/json; charset=latin-1", b'{"a": "\xfc"}', {"a": "ü"}),
        ("application/json", '{"a": "ü"}'.encode("utf-16"), {"a": "ü"}),
        ("application/json; charset=latin-1", '{"a": "ü"}'.encode(), {"a": "ü"}),
    ],
)
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_4_1_charsets(
    server: Server, recorder: Any, content_type: str, octets: bytes, expected: Any, coding: str
) -> None:
    """Contract 4.1, 4.2: text by its charset, utf-8 and its mark, bytes where neither fits; packed or not."""
    serve(server, coding, gzip.compress(octets) if coding == "gzip" else octets, **{"Content-Type": content_type})
    request = recorder.run(server.url)

    assert (expected, octets) == (request.result, request.content)


# Bombs

MEGABYTE = 1024 * 1024
LIMIT = 64 * MEGABYTE

VICTIM = """
import resource, sys, time
from urlrequest import UrlRequest
import urlrequest._content.decoder, urlrequest._content.known_encodings, urlrequest._content.text, zlib, gzip
urlrequest._content.known_encodings.accepted_codings()
UrlRequest(sys.argv[1] + "/small").wait(timeout=20)
with open("/proc/self/statm") as file:
    size = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + int(sys.argv[2]), -1))
began = time.process_time()
request = UrlRequest(sys.argv[1] + "/bomb", max_size=int(sys.argv[3]) or None)
assert request.wait(timeout=40)
print(type(request.error).__name__, time.process_time() - began)
"""


def zeros(count: int) -> bytes:
    """So many megabytes of nothing, packed as well as gzip can."""
    packer = zlib.compressobj(9, wbits=31)
    block = bytes(MEGABYTE)
    return b"".join(packer.compress(block) for _ in range(count)) + packer.flush()


BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "gzip": ("gzip", lambda: zeros(512)),
    "gzip twice": ("gzip, gzip", lambda: gzip.compress(zeros(512), 9)),
    "deflate": ("deflate", lambda: zlib.compress(bytes(256 * MEGABYTE), 9)),
    "br": ("br", lambda: brotli.compress(bytes(256 * MEGABYTE), quality=5)),
    "zstd": ("zstd", lambda: zstd(bytes(256 * MEGABYTE))),
    "br twice": ("br, br", lambda: brotli.compress(brotli.compress(bytes(256 * MEGABYTE), quality=5))),
    "many members": ("gzip", lambda: gzip.compress(bytes(100_000)) * 20_000),
    "empty members": ("gzip", lambda: gzip.compress(b"") * 500_000 + b"!"),
}


@pytest.mark.clock
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
@pytest.mark.parametrize("what", BOMBS)
def test_17_6_bombs(server: Server, what: str) -> None:
    """Contract 17.6: what expands beyond reason, or beyond max_size, is refused within 64 MiB and a few seconds."""
    name, make = BOMBS[what]
    packed = make()
    headers = {"Content-Type": "application/octet-stream", "Content-Encoding": name}
    server.respond("/bomb", packed, headers=headers)
    server.respond("/small", gzip.compress(b"small"), headers={**headers, "Content-Encoding": "gzip"})
    has_limit = what == "many members"  # two thousand million octets, but expanded only 600 to 1
    most = 10 * MEGABYTE if has_limit else 0
    with start_python(VICTIM, server.url, str(LIMIT), str(most)) as victim:
        out, _ = victim.communicate(timeout=100)
    error, seconds = out.split()

    print(f"{what}: {len(packed)} octets, {error} after {float(seconds):.2f} s", file=sys.stderr)  # noqa: T201 - the figures
    assert ("NoneType" if what == "empty members" else "ContentTooLarge") == error
    assert float(seconds) < 15


# Files (contract 4.8)

PACKED = gzip.compress(b"content")
FILES = [
    # type, coding, name of the file, whether it is unpacked into the file, and in memory
    ("text/html", "gzip", "page.html", True, True),
    ("application/octet-stream", "gzip", "data", True, True),
    ("application/gzip", "gzip", "data", False, False),
    ("application/x-gzip", "x-gzip", "data.tar.gz", False, False),
    ("application/x-tar+gzip", "gzip", "data", False, False),
    ("application/x-tar", "x-gzip", "data.tar.gz", False, True),
    ("text/html", "aws-chunked", "page.html", False, False),
    ("text/html", "aws-chunked,gzip", "page.html", True, True),
    ("text/html", "compress", "page.html", False, False),
]


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize(("media_type", "coding", "name", "in_file", "in_memory"), FILES)
def test_4_8_codings_nobody_asked_for(
    server: Server, recorder: Any, tmp_path: Path, media_type: str, coding: str, name: str, in_file: bool,
    in_memory: bool, resume: bool,
) -> None:  # fmt: skip
    """Contract 4.8: codings are undone in a file as in memory, except that which makes the file; so is `checksum`."""
    fields = {"Content-Type": media_type, "Content-Encoding": coding}
    server.respond("/", PACKED, headers=fields)
    of_file, of_memory = (b"content" if is_unpacked else PACKED for is_unpacked in (in_file, in_memory))
    first = recorder.run(
        server.url, file_path=tmp_path / name, resume=resume, checksum="sha256:" + hashlib.sha256(of_file).hexdigest()
    )
    second = recorder.run(server.url, checksum="sha256:" + hashlib.sha256(of_memory).hexdigest())

    assert (None, None) == (first.error, second.error)
    assert (of_file, of_memory) == ((tmp_path / name).read_bytes(), second.content)
    assert [name] == [path.name for path in tmp_path.iterdir()]


def test_4_8_corrupt_coding_of_a_file(server: Server, recorder: Any, tmp_path: Path) -> None:
    """Contract 4.8: what does not decode is no file."""
    server.respond("/", PACKED[:-3], headers={"Content-Encoding": "gzip"})
    request = recorder.run(server.url, file_path=tmp_path / "file")

    assert isinstance(request.error, errors.ContentDecodingError)
    assert [] == list(tmp_path.iterdir())


def test_4_8_own_accept_encoding(server: Server, recorder: Any, tmp_path: Path) -> None:
    """Contract 4.8: who asks for a coding gets it, in a file, too."""
    server.respond("/", PACKED, headers={"Content-Encoding": "gzip"})
    recorder.run(server.url, file_path=tmp_path / "file", req_headers={"Accept-Encoding": "gzip"})

    assert PACKED == (tmp_path / "file").read_bytes()
