"""What travels to a socket: numbered event frames, and control frames without a number."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime

import orjson

from ccops.backend.core.clock import iso, now

_FINAL_TEXT = 0x81


@dataclass(frozen=True, slots=True)
class Frame:
    """A numbered event frame; `text` is what is sent, byte for byte as the relay published it.

    `wire` is the same as a WebSocket frame: a server's are not masked, so one serves all sockets.
    """

    user_id: int
    seq: int
    epoch: str
    type: str
    event_id: str
    timestamp: str
    text: str
    wire: bytes

    @property
    def replayed(self) -> str:
        """Return the text of this frame as a replay."""
        return self.text[:-1] + ',"replay":true}'

    def age_ms(self) -> float:
        """Return the milliseconds since its outbox row was written."""
        moment = datetime.fromisoformat(self.timestamp)
        return max(0.0, (datetime.now(moment.tzinfo) - moment).total_seconds() * 1000)


def parse(text: str) -> Frame:
    """Read a published frame; raises ValueError, KeyError or TypeError for anything else."""
    body = orjson.loads(text)
    return Frame(
        int(body["user_id"]),
        int(body["seq"]),
        str(body["epoch"]),
        str(body["type"]),
        str(body["event_id"]),
        str(body["timestamp"]),
        text,
        wire(text),
    )


def wire(text: str) -> bytes:
    """Return a text message as the server's WebSocket frame (RFC 6455, 5.2): final, not masked, as it is."""
    body = text.encode()
    if len(body) < 126:
        return struct.pack("!BB", _FINAL_TEXT, len(body)) + body
    if len(body) < 1 << 16:
        return struct.pack("!BBH", _FINAL_TEXT, 126, len(body)) + body
    return struct.pack("!BBQ", _FINAL_TEXT, 127, len(body)) + body


def control(kind: str, user_id: int, data: object) -> str:
    """Return a control frame: no `seq`, no `event_id`."""
    body = {"type": kind, "user_id": user_id, "data": data, "timestamp": iso(now())}
    return orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS).decode()
