"""Read an HTTP request body: Content-Length or chunked, never more than the limit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from io import BufferedIOBase

from ccops.stack.clickhouse_front.errors import (
    HTTP_LENGTH_REQUIRED,
    INCORRECT_DATA,
    TOO_MANY_BYTES,
    ServerError,
)

_LINE = 4096
_HEX = re.compile(rb"[0-9A-Fa-f]{1,15}")


class BrokenBody(Exception):
    """The body's end cannot be found: answer if possible, then close the connection."""


def read_body(stream: BufferedIOBase, headers: Mapping[str, str], limit: int, *, required: bool) -> bytes:
    """Return the raw body; raise ServerError (the connection must then close) if it is too large."""
    transfer, length = headers.get("transfer-encoding"), headers.get("content-length")
    if transfer is not None:
        # Both headers at once is how requests are smuggled; nothing honest sends them.
        if length is not None or transfer.strip().lower() != "chunked":
            raise ServerError(INCORRECT_DATA, "Unsupported Transfer-Encoding")
        return _chunked(stream, limit)
    if length is None:
        if required:
            raise ServerError(
                HTTP_LENGTH_REQUIRED,
                "The Transfer-Encoding is not chunked and there is no Content-Length header for POST request",
            )
        return b""
    if not (length.isascii() and length.isdigit()):
        raise ServerError(INCORRECT_DATA, "Content-Length is not a number")
    return _exactly(stream, _within(int(length), limit))


def _chunked(stream: BufferedIOBase, limit: int) -> bytes:
    body = bytearray()
    while True:
        size = _chunk_size(_line(stream))
        if size == 0:
            break
        _within(len(body) + size, limit)
        body += _exactly(stream, size)
        if _line(stream):
            raise ServerError(INCORRECT_DATA, "A chunk is longer than it says")
    while _line(stream):  # trailers
        pass
    return bytes(body)


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not _HEX.fullmatch(digits):
        raise ServerError(INCORRECT_DATA, "A chunk size is not a hexadecimal number")
    return int(digits, 16)


def _within(size: int, limit: int) -> int:
    if size > limit:
        raise ServerError(TOO_MANY_BYTES, f"Request body is larger than {limit} bytes")
    return size


def _line(stream: BufferedIOBase) -> bytes:
    line = stream.readline(_LINE)
    if not line.endswith(b"\n"):
        raise BrokenBody
    return line.rstrip(b"\r\n")


def _exactly(stream: BufferedIOBase, size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise BrokenBody
    return data
