"""Undo Content-Encoding, with a ceiling on what comes out."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from importlib import import_module
from typing import Protocol, cast

from ccops.stack.clickhouse_front.errors import (
    CANNOT_DECOMPRESS,
    TOO_MANY_BYTES,
    UNKNOWN_COMPRESSION_METHOD,
    ServerError,
)


class _Decompressor(Protocol):
    """What lz4.frame, zstd and (wrapped) zlib objects share."""

    eof: bool
    unused_data: bytes | None

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Zlib:
    """zlib's object with the names the others use; 47 reads gzip and zlib headers alike."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=47)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._inner.decompress(data, max_length)


def decode(data: bytes, encoding: str, limit: int) -> bytes:
    """Return `data` without its encoding; several frames in a row are one body, as clients send them."""
    if encoding in {"", "identity"} or not data:
        return data
    make = _factory(encoding)
    out = bytearray()
    rest: bytes = data
    while rest:
        decompressor = make()
        try:
            out += decompressor.decompress(rest, max_length=limit - len(out) + 1)
        except Exception as error:  # noqa: BLE001 - each codec raises a type of its own (RuntimeError, zlib.error)
            raise ServerError(CANNOT_DECOMPRESS, f"Cannot decompress the {encoding} body: {error}") from None
        if len(out) > limit:
            raise ServerError(TOO_MANY_BYTES, f"Decompressed request body is larger than {limit} bytes")
        if not decompressor.eof:
            raise ServerError(CANNOT_DECOMPRESS, f"Cannot decompress the {encoding} body: it is cut short")
        rest = bytes(decompressor.unused_data or b"")
    return bytes(out)


def _factory(encoding: str) -> Callable[[], _Decompressor]:
    if encoding in {"gzip", "x-gzip", "deflate"}:
        return _zlib
    wanted = {"lz4": ("lz4.frame",), "zstd": ("backports.zstd", "compression.zstd")}.get(encoding, ())
    names = {"lz4": "LZ4FrameDecompressor", "zstd": "ZstdDecompressor"}
    for module in wanted:
        try:
            return cast("Callable[[], _Decompressor]", getattr(import_module(module), names[encoding]))
        except ImportError:
            continue
    raise ServerError(UNKNOWN_COMPRESSION_METHOD, f"Unknown compression method: {encoding[:32]!r}")


def _zlib() -> _Decompressor:
    return cast(_Decompressor, _Zlib())
