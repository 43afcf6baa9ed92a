from __future__ import annotations

import gzip
import sys
import time
import tracemalloc
import zlib
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from support.messages import raw_deflate
from urlrequest._content import decoder, known_encodings
from urlrequest._content.decoder import Decoder
from urlrequest._content.known_encodings import accepted_codings
from urlrequest.errors import ContentDecodingError, ContentTooLarge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TEXT = b"".join(b"line %d of a text that is worth packing\n" % number for number in range(5000))
LARGEST_PIECE = 256 * 1024


def decode(codings: str, content: bytes, size: int = 8192) -> bytes:
    """The whole content, given in pieces of some size."""
    decoder = Decoder(codings)
    pieces = [
        piece for start in range(0, len(content), size) for piece in decoder.decode(content[start : start + size])
    ]
    pieces += decoder.finish()
    assert all(0 < len(piece) <= LARGEST_PIECE for piece in pieces)
    return b"".join(pieces)


@pytest.fixture
def looked_again() -> Iterator[None]:
    """Decoders are looked for anew within the test, and again after it."""
    finders = (known_encodings.accepted_codings, known_encodings.find_brotli, decoder._find_zstd)
    for finder in finders:
        finder.cache_clear()
    yield
    for finder in finders:
        finder.cache_clear()


@pytest.fixture(params=["brotli", "brotlicffi"])
def brotli(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, looked_again: None) -> ModuleType:
    """Each package for br in turn, as if it were the only one."""
    module = pytest.importorskip(request.param)
    for other in {"brotli", "brotlicffi"} - {request.param}:
        monkeypatch.setitem(sys.modules, other, None)
    assert isinstance(module, ModuleType)
    return module


@pytest.fixture(params=["compression.zstd", "backports.zstd", "zstandard"])
def zstd(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, looked_again: None
) -> Callable[[bytes], bytes]:
    """Each decoder of zstd in turn, as if it were the only one; what packs with it."""
    module = pytest.importorskip(request.param)
    for other in {"compression.zstd", "backports.zstd", "zstandard"} - {request.param}:
        monkeypatch.setitem(sys.modules, other, None)
    pack: Callable[[bytes], bytes] = module.compress
    return pack


@pytest.mark.parametrize("size", [1, 2, 7, 8192, 10**9])
@pytest.mark.parametrize(
    ("codings", "content"),
    [
        ("gzip", gzip.compress(TEXT)),
        ("x-gzip", gzip.compress(TEXT)),
        (" GZip ", gzip.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", raw_deflate(TEXT)),
        ("identity", TEXT),
        ("", TEXT),
        (" , identity,,", TEXT),
        ("deflate, gzip", gzip.compress(zlib.compress(TEXT))),
        ("deflate, identity, gzip, x-gzip", gzip.compress(gzip.compress(raw_deflate(TEXT)))),
        ("gzip", gzip.compress(TEXT[:99]) + gzip.compress(TEXT[99:])),
        ("gzip", gzip.compress(TEXT[:99]) + gzip.compress(b"") + b"\0" * 700 + gzip.compress(TEXT[99:])),
        ("gzip", gzip.compress(TEXT) + b"\0" * 700),
        ("gzip", gzip.compress(TEXT) + b"\0\0\x1f"),
        ("gzip", gzip.compress(TEXT) + b"\x1fgarbage"),
        ("gzip", gzip.compress(TEXT) + b"garbage" + gzip.compress(TEXT)),
        ("deflate", zlib.compress(TEXT) + b"garbage"),
        ("deflate", raw_deflate(TEXT) + zlib.compress(TEXT)),
    ],
    ids=range(18),
)
def test_4_6_codings_of_the_standard_library(codings: str, content: bytes, size: int) -> None:
    """Members of gzip, deflate with and without its header, chains; zeros and garbage after them do not count."""
    assert TEXT == decode(codings, content, size)


@pytest.mark.parametrize("codings", ["gzip", "deflate", "identity", "deflate, gzip"])
def test_4_6_nothing_is_complete(codings: str) -> None:
    """An empty body labelled with a coding (HEAD, 204, sloppy servers) is empty."""
    assert b"" == decode(codings, b"")


@pytest.mark.parametrize(
    ("codings", "content"),
    [
        ("gzip", gzip.compress(b"")),
        ("deflate", zlib.compress(b"")),
        ("deflate", raw_deflate(b"")),
        ("gzip, deflate", zlib.compress(gzip.compress(b""))),
        ("gzip, deflate", zlib.compress(b"")),
    ],
    ids=range(5),
)
def test_4_6_empty_content_decodes(codings: str, content: bytes) -> None:
    """What was empty before it was coded is empty again."""
    assert b"" == decode(codings, content, 1)


def test_pieces_may_be_views() -> None:
    """A view of a buffer that is used again afterwards does as well as bytes."""
    buffer = bytearray(64)
    decoded = b""
    for codings, content in [("deflate", zlib.compress(TEXT)), ("identity", TEXT)]:
        decoder = Decoder(codings)
        decoded = b""
        for start in range(0, len(content), len(buffer)):
            part = content[start : start + len(buffer)]
            buffer[: len(part)] = part
            decoded += b"".join(decoder.decode(memoryview(buffer)[: len(part)]))
            buffer[:] = b"?" * len(buffer)
        assert TEXT == decoded


@pytest.mark.parametrize("size", [1, 8192])
@pytest.mark.parametrize(
    ("codings", "content"),
    [
        ("gzip", b"no gzip at all"),
        ("gzip", zlib.compress(TEXT)),
        ("gzip", gzip.compress(TEXT)[:-8] + b"\0" * 8),
        ("gzip", gzip.compress(TEXT)[:100] + b"\xff" * 100 + gzip.compress(TEXT)[200:]),
        ("gzip", gzip.compress(TEXT) + b"\x1f\x8bgarbage, or a member that is none"),
        ("deflate", b"\xff\xff\xff\xff"),
        ("deflate", zlib.compress(TEXT)[:-4] + b"\0\0\0\0"),
        ("gzip, deflate", zlib.compress(b"no gzip")),
        ("deflate, gzip", gzip.compress(b"\xff\xff")),
    ],
    ids=range(9),
)
def test_4_6_corrupt(codings: str, content: bytes, size: int) -> None:
    """Bad headers, blocks and checksums are errors, in any stage (fault 77)."""
    with pytest.raises(ContentDecodingError, match=r"^the (gzip|deflate) encoding of the body is corrupt: "):
        decode(codings, content, size)


@pytest.mark.parametrize(
    ("codings", "content"),
    [
        ("gzip", gzip.compress(TEXT)[:1]),
        ("gzip", gzip.compress(TEXT)[:-1]),
        ("gzip", gzip.compress(TEXT) + gzip.compress(TEXT)[:-1]),
        ("gzip", gzip.compress(TEXT) + gzip.compress(TEXT)[:2]),
        ("deflate", zlib.compress(TEXT)[:1]),
        ("deflate", zlib.compress(TEXT)[:-1]),
        ("deflate", raw_deflate(TEXT)[:-1]),
        ("deflate, gzip", gzip.compress(zlib.compress(TEXT)[:-1])),
        ("deflate, gzip", gzip.compress(zlib.compress(TEXT))[:-1]),
    ],
    ids=range(9),
)
def test_4_6_cut_off(codings: str, content: bytes) -> None:
    """A coding that has not come to its end is an error, raised by finish() itself, with the count (fault 77)."""
    decoder = Decoder(codings)
    for _ in decoder.decode(content):
        pass

    with pytest.raises(ContentDecodingError, match=f"encoding of the body is cut off after {len(content)} bytes"):
        decoder.finish()


@pytest.mark.parametrize(
    ("codings", "words"),
    [
        ("compress", "no decoder here: 'compress'"),
        ("gzip;q=1", "no decoder here"),
        ("gzip deflate", "no decoder here"),
        ("x" * 10**6, "no decoder here"),
        (", ".join(["gzip"] * 6), "has 6 content encodings; 5 are allowed"),
        (", ".join(["gzip"] * 50), "has 50 content encodings"),
    ],
    ids=range(6),
)
def test_4_6_unknown_or_too_many(codings: str, words: str) -> None:
    """A coding nobody knows, or a chain of more than five, is refused before any byte (fault 79)."""
    with pytest.raises(ContentDecodingError, match=words) as caught:
        Decoder(codings)

    assert len(str(caught.value)) < 120


def test_five_codings_are_decoded() -> None:
    """The limit itself is within the limit."""
    content = TEXT
    for _ in range(5):
        content = gzip.compress(content)

    assert TEXT == decode(", ".join(["gzip"] * 5), content)


def zeros_in_gzip(size: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(bytes(2**20)) for _ in range(size // 2**20)) + packer.flush()


def decoded_size(codings: str, content: bytes, size: int = 65536) -> int:
    """How much comes out, none of it kept."""
    decoder = Decoder(codings)
    count = 0
    for start in range(0, len(content), size):
        for piece in decoder.decode(content[start : start + size]):
            assert len(piece) <= LARGEST_PIECE
            count += len(piece)
    list(decoder.finish())
    return count


@pytest.mark.parametrize("codings", ["gzip", "gzip, gzip"])
def test_17_6_bomb(codings: str) -> None:
    """More than 1,000 to 1 beyond 10 MiB is refused, early and in bounded memory, whatever the stage."""
    bomb = zeros_in_gzip(64 * 2**20)
    for _ in codings.split(", ")[1:]:
        bomb = gzip.compress(bomb)
    tracemalloc.start()
    try:
        with pytest.raises(ContentTooLarge, match=r"the gzip encoding of the body expands \d+ bytes to \d+ and more$"):
            decoded_size(codings, bomb)
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()


def test_17_6_bomb_of_nothing() -> None:
    """A stage that expands to padding which the next one ignores is stopped too, though nothing comes out."""
    bomb = gzip.compress(zeros_in_gzip(2**20) + bytes(64 * 2**20))

    with pytest.raises(ContentTooLarge):
        decoded_size("gzip, gzip", bomb)


def test_17_6_ten_mebioctets_are_free() -> None:
    """Below 10 MiB any expansion is fine, as are 1,000 to 1 above: pages and images do compress well."""
    tight = zeros_in_gzip(10 * 2**20)
    large = gzip.compress(TEXT * 100, 1)

    assert 10 * 2**20 == decoded_size("gzip", tight)
    assert 1000 < 10 * 2**20 / len(tight)
    assert len(TEXT) * 100 == decoded_size("gzip", large)
    assert 10 * 2**20 < len(TEXT) * 100


def test_identity_is_cut_into_pieces() -> None:
    """Without any coding pieces are bounded as well."""
    assert [LARGEST_PIECE, LARGEST_PIECE, 1] == [
        len(piece) for piece in Decoder("").decode(memoryview(bytes(2 * LARGEST_PIECE + 1)))
    ]


@pytest.mark.parametrize("size", [1, 8192, 10**9])
def test_4_6_brotli(brotli: ModuleType, size: int) -> None:
    """Content in br is decoded with either package, alone and in chains."""
    packed = brotli.compress(TEXT)

    assert TEXT == decode("br", packed, size)
    assert TEXT == decode("br, gzip", gzip.compress(packed), size)
    assert b"" == decode("br", b"", size)
    assert b"" == decode("br", brotli.compress(b""), size)


@pytest.mark.parametrize("size", [1, 8192])
def test_4_6_brotli_errors(brotli: ModuleType, size: int) -> None:
    """Corrupt, cut off, going on after its end: errors, however it is cut into pieces."""
    packed = brotli.compress(TEXT)

    with pytest.raises(ContentDecodingError, match="br encoding of the body is corrupt"):
        decode("br", b"\xff" * 50, size)
    with pytest.raises(ContentDecodingError, match="br encoding of the body is cut off"):
        decode("br", packed[:-1], size)
    with pytest.raises(ContentDecodingError, match="br encoding"):
        decode("br", packed + b"garbage", size)
    with pytest.raises(ContentDecodingError, match="br encoding"):
        decode("br", brotli.compress(bytes(2**20)) + b"garbage", size)


def test_17_6_brotli_bomb(brotli: ModuleType) -> None:
    """A few bytes that stand for many MiB come in small pieces, and are refused."""
    with pytest.raises(ContentTooLarge):
        decoded_size("br", brotli.compress(bytes(16 * 2**20)))


@pytest.mark.parametrize("size", [1, 8192, 10**9])
def test_4_6_zstd(zstd: Callable[[bytes], bytes], size: int) -> None:
    """Content in zstd is decoded with each decoder, in frames, with frames to skip, alone and in chains."""
    skipped = b"\x50\x2a\x4d\x18\x04\0\0\0skip"

    assert TEXT == decode("zstd", zstd(TEXT), size)
    assert TEXT == decode("zstd", zstd(TEXT[:99]) + skipped + zstd(b"") + zstd(TEXT[99:]), size)
    assert TEXT == decode("zstd, gzip", gzip.compress(zstd(TEXT)), size)
    assert b"" == decode("zstd", b"", size)


@pytest.mark.parametrize("size", [1, 8192])
def test_4_6_zstd_errors(zstd: Callable[[bytes], bytes], size: int) -> None:
    """Corrupt, cut off, followed by garbage: errors."""
    packed = zstd(TEXT)

    reserved_block = b"\x28\xb5\x2f\xfd\x20\x05\x07\0\0" + bytes(9)
    for wrong in (b"garbage" * 9, packed + b"garbage", reserved_block):
        with pytest.raises(ContentDecodingError, match="zstd encoding of the body is corrupt"):
            decode("zstd", wrong, size)
    with pytest.raises(ContentDecodingError, match="zstd encoding of the body is cut off"):
        decode("zstd", packed[:-1], size)


@pytest.mark.parametrize("size", [1, 5, 8192])
def test_4_6_zstd_size_that_a_frame_announces(zstd: Callable[[bytes], bytes], size: int) -> None:
    """Contract 4.6: a frame with less content than it announces is corrupt, however the network cuts it."""
    short = b"\x28\xb5\x2f\xfd\x20\x75\x01\x00\x00"  # 117 bytes are announced, and the one block is empty
    with pytest.raises(ContentDecodingError, match="zstd encoding of the body is corrupt"):
        decode("zstd", zstd(TEXT) + short, size)


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(b"\x28\xb5\x2f\xfd\x00\x58\x01\x00\x00", id="window"),
        pytest.param(b"\x28\xb5\x2f\xfd\x20\x00\x01\x00\x00", id="single segment"),
        pytest.param(b"\x51\x2a\x4d\x18\x00\x00\x00\x00", id="to be skipped"),
    ],
)
def test_4_6_empty_zstd_frames_are_cheap(zstd: Callable[[bytes], bytes], frame: bytes) -> None:
    """Contract 4.6: a megabyte of empty frames takes no decoder for each; what stands between them is decoded."""
    decoding, made = Decoder("zstd"), list[bool]()
    make = decoding._stages[0]._make
    decoding._stages[0]._make = lambda: (made.append(True), make())[1]  # type: ignore[method-assign]
    many = frame * (500_000 // len(frame))
    content = b"".join(decoding.decode(many + zstd(TEXT) + many))
    decoding.finish()

    assert TEXT == content
    assert len(made) <= 3 + 1_000_000 / decoder._MAX_SLICE


def zstd_frame(window: int, single: int | None = None) -> bytes:
    """A frame with the content "hi"; its window as a descriptor, or the size that it claims as a single segment."""
    descriptor = b"\0" + bytes([window]) if single is None else b"\xa0" + single.to_bytes(4, "little")
    return b"\x28\xb5\x2f\xfd" + descriptor + b"\x11\0\0hi"


LARGE_WINDOWS = [  # descriptor, size as a single segment, bytes
    (0x69, None, 9 * 2**20),
    (0x88, None, 128 * 2**20),
    (0x90, None, 256 * 2**20),
    (0, 9_000_000, 9_000_000),
]


@pytest.mark.parametrize(("window", "single", "needed"), LARGE_WINDOWS)
@pytest.mark.parametrize("size", [1, 7, 8192])
def test_4_6_zstd_windows(
    zstd: Callable[[bytes], bytes], window: int, single: int | None, needed: int, size: int
) -> None:
    """Contract 4.6: more than 8 MiB of window (RFC 9659) is an error that says how much is needed, and allowed."""
    says = rf"needs a window of {needed} bytes; 8388608 are allowed, unless max_size is larger"
    with pytest.raises(ContentDecodingError, match=says):
        decode("zstd", zstd(b"") + zstd_frame(window, single), size)


def test_4_6_zstd_windows_up_to_max_size(zstd: Callable[[bytes], bytes]) -> None:
    """Contract 4.6: where a body may be as large as its window, that is allowed, up to 128 MiB."""
    assert b"hi" == b"".join(Decoder("zstd").decode(zstd_frame(0x68)))
    assert b"hi" == b"".join(Decoder("zstd", 9 * 2**20).decode(zstd_frame(0x69)))
    assert b"hi" == b"".join(Decoder("zstd", 2**40).decode(zstd_frame(0x88)))
    with pytest.raises(ContentDecodingError, match="134217728 are allowed, as much as is ever allowed"):
        list(Decoder("zstd", 2**40).decode(zstd_frame(0x89)))
    with pytest.raises(ContentDecodingError, match="8388608 are allowed"):
        list(Decoder("zstd", 0).decode(zstd_frame(0x69)))


def test_17_6_zstd_bomb(zstd: Callable[[bytes], bytes]) -> None:
    """Many MiB in a few bytes come in small pieces, and are refused."""
    with pytest.raises(ContentTooLarge):
        decoded_size("zstd", zstd(bytes(64 * 2**20)))


@pytest.mark.usefixtures("looked_again")
def test_4_6_without_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the standard library alone gzip and deflate are asked for, and the others are unknown."""
    for name in ("brotli", "brotlicffi", "_zstd", "compression.zstd", "backports.zstd", "zstandard"):
        monkeypatch.setitem(sys.modules, name, None)

    assert "gzip, deflate" == accepted_codings()
    for coding in ("br", "zstd"):
        with pytest.raises(ContentDecodingError, match=f"no decoder here: '{coding}'"):
            Decoder(coding)


@pytest.mark.clock
def test_many_small_members_take_linear_time() -> None:
    """Thousands of empty members are no more work than their bytes are worth."""
    began = time.thread_time()

    assert b"" == decode("gzip", gzip.compress(b"") * 20_000, 10**9)
    assert time.thread_time() - began < 10


def test_4_6_with_packages(brotli: ModuleType, zstd: object) -> None:
    """What can be decoded is asked for."""
    assert "gzip, deflate, br, zstd" == accepted_codings()
