"""Errors as ClickHouse words them: a number, a name, and the HTTP status that goes with them."""

from __future__ import annotations

import re

NOT_IMPLEMENTED = (48, "NOT_IMPLEMENTED")
SYNTAX_ERROR = (62, "SYNTAX_ERROR")
UNKNOWN_TYPE_OF_QUERY = (78, "UNKNOWN_TYPE_OF_QUERY")
UNKNOWN_COMPRESSION_METHOD = (89, "UNKNOWN_COMPRESSION_METHOD")
UNKNOWN_SETTING = (115, "UNKNOWN_SETTING")
TOO_MANY_SIMULTANEOUS_QUERIES = (202, "TOO_MANY_SIMULTANEOUS_QUERIES")
CANNOT_DECOMPRESS = (271, "CANNOT_DECOMPRESS")
TOO_MANY_BYTES = (307, "TOO_MANY_BYTES")
INTO_OUTFILE_NOT_ALLOWED = (358, "INTO_OUTFILE_NOT_ALLOWED")
HTTP_LENGTH_REQUIRED = (381, "HTTP_LENGTH_REQUIRED")
INCORRECT_DATA = (117, "INCORRECT_DATA")
ABORTED = (236, "ABORTED")
AUTHENTICATION_FAILED = (516, "AUTHENTICATION_FAILED")
UNKNOWN_EXCEPTION = (1002, "UNKNOWN_EXCEPTION")

# The part of ClickHouse's exceptionCodeToHTTPStatus that clients can meet here; everything else is 500.
_STATUS: dict[int, int] = {
    **dict.fromkeys((6, 26, 27, 38, 41, 53, 62, 69, 72, 117, 271, 321, 456, 457), 400),
    **dict.fromkeys((516, 497), 403),
    **dict.fromkeys((46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 336), 404),
    381: 411,
    159: 408,
    307: 413,
    48: 501,
    89: 400,
    202: 503,
    236: 503,
}

_ENGINE_MESSAGE = re.compile(r"Code: (\d+)\. DB::Exception: (.*)", re.DOTALL)
_REPEATED_PREFIX = re.compile(r"^(?:Code: \d+\. DB::Exception: )+")
_VERSION_TRAILER = re.compile(r"\s*\(version [^)]*\)(?:\.?\s*\([A-Z_]+\))?\s*$")


class ServerError(Exception):
    """A failed request: what a ClickHouse server would put into its answer."""

    def __init__(self, kind: tuple[int, str], message: str) -> None:
        super().__init__(message)
        self.code, self.name = kind
        self.message = message

    @property
    def status(self) -> int:
        """The HTTP status ClickHouse uses for this code."""
        return _STATUS.get(self.code, 500)

    def text(self, version: str) -> str:
        """The answer's body: `Code: 81. DB::Exception: ... (NAME) (version V)`."""
        message = self.message if self.name in self.message else f"{self.message} ({self.name})"
        return f"Code: {self.code}. DB::Exception: {message} (version {version})\n"


def from_engine(raw: str) -> ServerError:
    """Read the engine's exception text; an unknown shape keeps its text under code 1002."""
    match = _ENGINE_MESSAGE.search(raw)
    if match is None:
        return ServerError(UNKNOWN_EXCEPTION, raw.strip() or "the engine failed without a message")
    message = _VERSION_TRAILER.sub("", _REPEATED_PREFIX.sub("", match.group(2))).strip()
    named = re.search(r"\(([A-Z][A-Z0-9_]+)\)\s*$", message)
    return ServerError((int(match.group(1)), named.group(1) if named else "UNKNOWN"), message)
