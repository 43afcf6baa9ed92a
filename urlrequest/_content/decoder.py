"""Decoder: undoes content codings, which are gzip, deflate, br and zstd (RFC 9110, section 8.4.1).

A Decoder belongs to one response and is used on its worker. The module's only state is the decoder it found for zstd.

Invariants:
    DECODER-1  One step takes a slice of input and makes a bounded piece of output: 256 KiB, or at most 16 MiB within
               the package `zstandard`, which has no limit. Nothing else grows with the content.
    DECODER-2  The bytes that come out do not depend on how the content was cut into pieces.
    DECODER-3  A coding that is corrupt, continues after its end or ends early is a ContentDecodingError; one that
               expands beyond reason is ContentTooLarge; in each stage of a chain.

What may follow a complete coding: gzip has further members (RFC 1952, section 2.2); zeros, and then anything that is
not a member, are ignored, as curl and browsers do. After deflate everything is ignored. zstd has further frames (RFC
8878, section 3.1); anything else after zstd, and anything after br, is an error.
"""

from __future__ import annotations

import re
from functools import cache, partial
from importlib import import_module

from urlrequest.errors import ContentDecodingError, ContentTooLarge

from .known_encodings import codings_of, find_brotli

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType
    from typing import Any, Protocol

    class _Engine(Protocol):
        """Decodes one member, frame or stream."""

        error: type[Exception]

        @property
        def is_over(self) -> bool:
            """Whether it has come to its end."""
            ...

        @property
        def unused(self) -> bytes:
            """The bytes after the end."""
            ...

        def feed(self, encoded: bytes | memoryview) -> Iterator[bytes]:
            """All that can be decoded by now; exhaust it before the next call."""
            ...


__all__ = ["Decoder"]

_MAX_PIECE = 256 * 1024  # bytes that come out at a time
# Bytes given to a decoder at a time: what it has not used yet is copied at every step and every member.
_MAX_SLICE = 16 * 1024
# Bytes: four can stand for 128 KiB (RFC 8878, section 3.1.1.2), and `zstandard` decodes all it is given.
_MAX_ZSTANDARD_SLICE = 512
# The windows that a zstd content coding may use, as powers of two in bytes: 8 MiB (RFC 9659), and 128 MiB, which the
# program `zstd` makes at the most unless it is forced, where a body may be so large anyway.
_ZSTD_WINDOW_LOG, _MAX_ZSTD_WINDOW_LOG = 23, 27
_MAX_ZSTD_HEAD = 18  # bytes of the head of a frame (RFC 8878, section 3.1.1.1)
_MAX_CODINGS = 5
# Bytes of output from which on an expansion beyond the factor is refused (contract 17.6).
_FREE_OUTPUT = 10 * 1024 * 1024
_MAX_EXPANSION = 1000
_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
# Frames of zstd without content and without a checksum, and such that are to be skipped: to make a decoder for each
# would take a second for a megabyte of them. (RFC 8878, section 3.1; windows of up to 8 MiB.)
_EMPTY_ZSTD_FRAMES = rb"(?:\x28\xb5\x2f\xfd(?:\x00[\x00-\x68]|\x20\x00)\x01\x00\x00|[\x50-\x5f]\x2a\x4d\x18\x00{4})+"
_GZIP_WBITS, _ZLIB_WBITS, _RAW_WBITS = 31, 15, -15


class _Inflate:
    def __init__(self, wbits: int) -> None:
        import zlib  # here, since most responses are not compressed

        self.error: type[Exception] = zlib.error
        self._decoder = zlib.decompressobj(wbits)

    @property
    def is_over(self) -> bool:
        return self._decoder.eof

    @property
    def unused(self) -> bytes:
        return self._decoder.unused_data

    def feed(self, encoded: bytes | memoryview) -> Iterator[bytes]:
        decoder = self._decoder
        rest = encoded
        while True:
            piece = decoder.decompress(rest, _MAX_PIECE)
            rest = decoder.unconsumed_tail
            if piece:
                yield piece
            # A full piece may have left output inside, even where no input is left.
            if decoder.eof or (not rest and len(piece) < _MAX_PIECE):
                return


class _Brotli:
    unused = b""  # both packages refuse anything after the stream

    def __init__(self, module: ModuleType) -> None:
        self.error: type[Exception] = module.error
        self._decoder: Any = module.Decompressor()

    @property
    def is_over(self) -> bool:
        return bool(self._decoder.is_finished())

    def feed(self, encoded: bytes | memoryview) -> Iterator[bytes]:
        rest = bytes(encoded)
        while piece := self._decoder.process(rest, output_buffer_limit=_MAX_PIECE):
            yield from _cut(piece)
            if self._decoder.is_finished():
                return
            rest = b""


class _Zstd:
    """The standard library's decoder, or its backport."""

    def __init__(self, module: ModuleType, window_log: int) -> None:
        self.error: type[Exception] = module.ZstdError
        window = {module.DecompressionParameter.window_log_max: window_log}
        self._decoder: Any = module.ZstdDecompressor(options=window)

    @property
    def is_over(self) -> bool:
        return bool(self._decoder.eof)

    @property
    def unused(self) -> bytes:
        return bytes(self._decoder.unused_data)

    def feed(self, encoded: bytes | memoryview) -> Iterator[bytes]:
        rest = encoded
        while True:
            piece = self._decoder.decompress(rest, _MAX_PIECE)
            if piece:
                yield piece
            if self._decoder.eof or self._decoder.needs_input:
                return
            rest = b""


class _Zstandard:
    """The package `zstandard`."""

    def __init__(self, module: ModuleType, window_log: int) -> None:
        self.error: type[Exception] = module.ZstdError
        self._decoder: Any = module.ZstdDecompressor(max_window_size=1 << window_log).decompressobj()
        self.unused = b""

    @property
    def is_over(self) -> bool:
        return bool(self._decoder.eof)

    def feed(self, encoded: bytes | memoryview) -> Iterator[bytes]:
        for start in range(0, len(encoded), _MAX_ZSTANDARD_SLICE):
            end = start + _MAX_ZSTANDARD_SLICE
            yield from _cut(self._decoder.decompress(encoded[start:end]))
            if self._decoder.eof:
                self.unused = self._decoder.unused_data + bytes(encoded[end:])
                return


class _Stage:
    """One coding of the chain; after each end another member or frame may begin."""

    def __init__(self, name: str, make: Callable[[], _Engine]) -> None:
        self.name = name
        self.produced = 0
        self._make = make
        self._engine: _Engine | None = None
        self._ended = 0  # engines that have come to their end
        self._held = b""  # received, but too little to begin an engine with
        self._ignores_rest = False

    def is_complete(self) -> bool:
        # No content is complete too: an empty body often has the Content-Encoding that the page would have had.
        return self._engine is None and (self._ended > 0 or not self._held)

    def decode(self, encoded: bytes | memoryview) -> Iterator[bytes]:
        rest = encoded
        while len(rest) and not self._ignores_rest:
            if self._engine is None:
                start, self._held = self._held + bytes(rest), b""
                rest = self._begin(start)
                if self._engine is None:
                    return
            engine = self._engine
            self._note_start(rest)
            try:
                yield from engine.feed(rest)
            except engine.error as error:
                raise ContentDecodingError(f"the {self.name} encoding of the body {self._describe(error)}") from error
            if not engine.is_over:
                return
            rest = engine.unused
            self._engine = None
            self._ended += 1
            self._check_end()

    def _begin(self, start: bytes) -> bytes:
        """Begin an engine, or hold the bytes, or ignore the rest; return what to feed the engine."""
        self._engine = self._make()
        return start

    def _note_start(self, encoded: bytes | memoryview) -> None:
        """Keep what an error may need to know of the beginning of a frame."""

    def _check_end(self) -> None:
        """Check what the engine does not, at the end of a member or frame."""

    def _describe(self, error: Exception) -> str:
        """What is wrong with the coding, after an error of the engine."""
        return f"is corrupt: {error}"


class _ZstdStage(_Stage):
    def __init__(self, name: str, make: Callable[[], _Engine], window_log: int) -> None:
        super().__init__(name, make)
        self._limit = 1 << window_log  # bytes
        self._start = b""  # of the present frame
        self._made = 0  # bytes that have come out of it

    def decode(self, encoded: bytes | memoryview) -> Iterator[bytes]:
        for piece in super().decode(encoded):
            self._made += len(piece)
            yield piece

    def _begin(self, start: bytes) -> bytes:
        self._start = b""
        empty = re.match(_EMPTY_ZSTD_FRAMES, start)
        if empty is not None:
            self._ended += 1
            start = start[empty.end() :]
        return super()._begin(start) if start else b""

    def _note_start(self, encoded: bytes | memoryview) -> None:
        if len(self._start) < _MAX_ZSTD_HEAD:
            self._start += bytes(encoded[: _MAX_ZSTD_HEAD - len(self._start)])

    def _check_end(self) -> None:
        # libzstd compares the two only where it gets the frame in one piece (1.5.7).
        made, self._made = self._made, 0
        announced = _zstd_content_size(self._start)
        if announced not in {None, made}:
            raise ContentDecodingError(
                f"the {self.name} encoding of the body is corrupt: a frame has {made} bytes, and announces {announced}"
            )

    def _describe(self, error: Exception) -> str:
        window = _zstd_window(self._start)
        if window is None or window <= self._limit:
            return super()._describe(error)
        allowed = "as much as is ever allowed" if self._limit >> _MAX_ZSTD_WINDOW_LOG else "unless max_size is larger"
        return f"needs a window of {window} bytes; {self._limit} are allowed, {allowed}"


class _GzipStage(_Stage):
    def _begin(self, start: bytes) -> bytes:
        if self._ended:
            start = start.lstrip(b"\0")
            if len(start) < len(_GZIP_MAGIC) and _GZIP_MAGIC.startswith(start):
                self._held = start
                return b""
            if not start.startswith(_GZIP_MAGIC):
                self._ignores_rest = True
                return b""
        return super()._begin(start)


class _DeflateStage(_Stage):
    def _begin(self, start: bytes) -> bytes:
        if self._ended:
            self._ignores_rest = True
        elif len(start) < 2:
            self._held = start
        else:
            # Many servers leave out the header of RFC 1950 (RFC 9110, section 8.4.1.2). The low half of the first byte
            # shows it: 8 in a raw stream would be a stored block with its padding set, which no encoder writes.
            has_header = start[0] & 15 == 8 and int.from_bytes(start[:2], "big") % 31 == 0
            self._engine = self._make() if has_header else _Inflate(_RAW_WBITS)
        return start


class _BrotliStage(_Stage):
    def _begin(self, start: bytes) -> bytes:
        if self._ended:
            raise ContentDecodingError("the br encoding of the body has bytes after its end")
        return super()._begin(start)


class Decoder:
    """Undoes the codings of one content, piece by piece; empty content is complete in any coding.

    Args:
        field_value: The value of Content-Encoding: the codings in the order in which they were applied.
        max_size: How large the decoded content may be, in bytes; zstd may use a window up to that, and 8 MiB anyway.
    Raises:
        ContentDecodingError: A coding is unknown or has no decoder here, or there are more than five.
    """

    def __init__(self, field_value: str, max_size: int | None = None) -> None:
        names = codings_of(field_value)
        if len(names) > _MAX_CODINGS:
            raise ContentDecodingError(f"the body has {len(names)} content encodings; {_MAX_CODINGS} are allowed")
        self._stages, self._received = [_open_stage(name, max_size or 0) for name in names[::-1]], 0

    def decode(self, piece: bytes | memoryview) -> Iterator[bytes]:
        """Take the next bytes and yield what they decode to, at most 256 KiB at a time.

        Exhaust it before the next call, and before the memory behind a view is reused.

        Raises:
            ContentDecodingError: A coding is corrupt.
            ContentTooLarge: It expands over 1,000 to 1, beyond 10 MiB (contract 17.6).
        """
        if not self._stages:
            return _cut(piece)
        pieces: Iterator[bytes | memoryview] = iter([piece])
        for stage in self._stages:
            pieces = self._run(stage, pieces)
        return pieces  # type: ignore[return-value]  # only the first stage's input may be a view

    def finish(self) -> Iterator[bytes]:
        """Declare that the content has ended, and yield what is left: nothing, with the present codings.

        Raises:
            ContentDecodingError: A coding has not come to its end. The call itself raises it, not the iterator.
        """
        for stage in self._stages:
            if not stage.is_complete():
                raise ContentDecodingError(
                    f"the {stage.name} encoding of the body is cut off after {self._received} bytes"
                )
        return iter(())

    def _run(self, stage: _Stage, pieces: Iterator[bytes | memoryview]) -> Iterator[bytes]:
        for piece in pieces:
            for start in range(0, len(piece), _MAX_SLICE):
                taken = piece[start : start + _MAX_SLICE]
                # Counted slice by slice: input that is not used yet does not allow for more output.
                self._received += len(taken) if stage is self._stages[0] else 0
                for decoded in stage.decode(taken):
                    stage.produced += len(decoded)
                    # Against the bytes received, not those of the stage before: two stages multiply.
                    if stage.produced > max(_FREE_OUTPUT, _MAX_EXPANSION * self._received):
                        what = f"the {stage.name} encoding of the body expands {self._received} bytes"
                        raise ContentTooLarge(f"{what} to {stage.produced} and more")
                    yield decoded


def _open_stage(name: str, max_size: int) -> _Stage:
    if name in {"gzip", "x-gzip"}:
        return _GzipStage(name, partial(_Inflate, _GZIP_WBITS))
    if name == "deflate":
        return _DeflateStage(name, partial(_Inflate, _ZLIB_WBITS))
    if name == "br" and (module := find_brotli()) is not None:
        return _BrotliStage(name, partial(_Brotli, module))
    if name == "zstd" and (make := _find_zstd()) is not None:
        window_log = min(max(_ZSTD_WINDOW_LOG, (max_size - 1).bit_length()), _MAX_ZSTD_WINDOW_LOG)
        return _ZstdStage(name, partial(make, window_log), window_log)
    raise ContentDecodingError(f"the body has a content encoding with no decoder here: {name[:40]!r}")


@cache
def _find_zstd() -> Callable[[int], _Engine] | None:
    for name, engine in (("compression.zstd", _Zstd), ("backports.zstd", _Zstd), ("zstandard", _Zstandard)):
        try:
            return partial(engine, import_module(name))
        except ImportError:
            continue
    return None


def _zstd_window(start: bytes) -> int | None:
    """How many bytes of window a zstd frame needs, by its head (RFC 8878, section 3.1.1.1); None: it does not say."""
    if len(start) < 6 or not start.startswith(_ZSTD_MAGIC):
        return None
    if not start[4] & 32:  # a window of its own, not that of a single segment
        exponent, mantissa = start[5] >> 3, start[5] & 7
        return (1 << exponent + 10) + (1 << exponent + 7) * mantissa
    return _zstd_content_size(start)


def _zstd_content_size(start: bytes) -> int | None:
    """How many bytes a zstd frame announces, by its head (RFC 8878, section 3.1.1.1.4); None: it does not say."""
    if len(start) < 6 or not start.startswith(_ZSTD_MAGIC):
        return None
    descriptor = start[4]
    is_single = bool(descriptor & 32)
    if not is_single and not descriptor >> 6:
        return None
    # Behind the window, which a single segment does not have, and the number of a dictionary.
    at = (5 if is_single else 6) + (0, 1, 2, 4)[descriptor & 3]
    length = (1, 2, 4, 8)[descriptor >> 6]
    content_size = int.from_bytes(start[at : at + length], "little")
    return content_size + 256 if length == 2 else content_size


def _cut(octets: bytes | memoryview) -> Iterator[bytes]:
    for start in range(0, len(octets), _MAX_PIECE):
        yield bytes(octets[start : start + _MAX_PIECE])
