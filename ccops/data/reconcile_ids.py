"""Event ids of one side, kept on disk in buckets, so that millions of them can be compared in little memory.

An id is 27 bytes in a file of its bucket (by checksum, so that chosen ids spread too). Only one bucket of
each side is in memory at a time, besides 64 KiB of buffer a bucket and side. With 64 buckets and three sides
that is 12 MiB, and less than 30 bytes more for each id of the largest topic (a test holds it).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

BUCKETS = 64
OTHER = "(other)"
_RECORD = struct.Struct(">16sqHB")
_BUFFER = 64 * 1024
_MAX_KINDS = 65_535


class State(IntEnum):
    """What PostgreSQL says about an event's way to Kafka."""

    ACKED = 0
    PENDING = 1  # in the outbox, not acknowledged yet
    EXPIRED = 2  # acknowledged at an offset that the topic's retention has removed
    NO_OUTBOX = 3  # only the row of its own table is left, or ever was


@dataclass(frozen=True, slots=True)
class Entry:
    """An event of one side; `ms` since 1970 is the event's own time."""

    ident: bytes
    ms: int
    kind: int = 0
    state: int = State.ACKED


class Kinds:
    """Words of a breakdown as small numbers; 0 is no word. Beyond 65 534 words all are "(other)"."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self.words: list[str] = [""]

    def number(self, word: object) -> int:
        """Return the number of `word`."""
        if not isinstance(word, str) or not word:
            return 0
        if word not in self._numbers:
            if len(self.words) >= _MAX_KINDS:
                return self.number(OTHER) if OTHER in self._numbers else self._add(OTHER)
            return self._add(word)
        return self._numbers[word]

    def _add(self, word: str) -> int:
        self._numbers[word] = len(self.words)
        self.words.append(word)
        return self._numbers[word]


class Ids:
    """All ids of one side of one topic, in files below `folder`."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._buffers = [bytearray() for _ in range(BUCKETS)]
        self.count = 0

    def add(self, entry: Entry) -> None:
        """Keep one more event."""
        bucket = zlib.crc32(entry.ident) % BUCKETS
        buffer = self._buffers[bucket]
        buffer += _RECORD.pack(entry.ident, entry.ms, entry.kind, entry.state)
        self.count += 1
        if len(buffer) >= _BUFFER:
            with self._path(bucket).open("ab") as file:
                file.write(buffer)
            buffer.clear()

    def bucket(self, number: int) -> Iterator[Entry]:
        """Yield the events of one bucket, in the order they came."""
        path = self._path(number)
        data = (path.read_bytes() if path.exists() else b"") + bytes(self._buffers[number])
        for found in _RECORD.iter_unpack(data):
            yield Entry(*found)

    def forget(self) -> None:
        """Remove the files."""
        for number in range(BUCKETS):
            self._path(number).unlink(missing_ok=True)
            self._buffers[number].clear()

    def _path(self, number: int) -> Path:
        return self._folder / f"{self._name}-{number}"
