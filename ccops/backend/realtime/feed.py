"""A user with open sockets in this process."""

from __future__ import annotations

from dataclasses import dataclass, field

from ccops.backend.realtime import codes
from ccops.backend.realtime.connection import Connection
from ccops.backend.realtime.frames import Frame

_REMEMBERED = 256


@dataclass(slots=True)
class Feed:
    """Which epoch, the last number passed on, and which event had which number."""

    epoch: str | None = None
    run: str = ""
    last: int = 0
    recent: dict[int, str] = field(default_factory=dict)
    connections: list[Connection] = field(default_factory=list)

    def begin(self, epoch: str, last: int, run: str = "") -> None:
        """Start counting behind `last`; `run` is the Redis that the epoch began in, where that is known."""
        self.epoch, self.last, self.run = epoch, last, run
        self.recent.clear()

    def pass_on(self, frame: Frame) -> None:
        """Give the next frame to every socket."""
        self.last = frame.seq
        self.recent[frame.seq] = frame.event_id
        if len(self.recent) > _REMEMBERED:
            del self.recent[next(iter(self.recent))]
        for connection in self.connections:
            connection.offer(frame)

    def restart(self) -> None:
        """Close every socket: what they know about the stream is no longer true."""
        self.epoch = None
        for connection in self.connections:
            connection.end(codes.RESTART, "the stream restarted; reconnect")
