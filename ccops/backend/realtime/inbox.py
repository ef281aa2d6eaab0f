"""What a client may say: small, seldom, and in four kinds of message."""

from __future__ import annotations

import time
from collections import deque
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from ccops.backend.schemas.client import Ack, Ping, Pong, Subscribe

MESSAGE_BYTES = 4_096
MESSAGES_A_SECOND = 20
# The one topic: the user's own stream, by either name.
TOPIC = "user"

Message = Ping | Pong | Ack | Subscribe
_MESSAGE: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="type")])


class Rate:
    """Counts what happens in a second."""

    def __init__(self, limit: int) -> None:
        self._recent: deque[float] = deque(maxlen=limit)

    def exceeded(self) -> bool:
        """Count one; return whether it is one too many."""
        moment, recent = time.monotonic(), self._recent
        full = len(recent) == recent.maxlen and moment - recent[0] < 1
        recent.append(moment)
        return full


def parse(raw: bytes) -> Message | None:
    """Return the message, or None for anything that is not one of ours."""
    try:
        return _MESSAGE.validate_json(raw)
    except ValidationError:
        return None


def foreign(topics: list[str], user_id: int) -> bool:
    """Return whether somebody else's stream is among `topics`."""
    return any(topic.startswith(f"{TOPIC}:") and topic != f"{TOPIC}:{user_id}" for topic in topics)


def unknown(topics: list[str], user_id: int) -> list[str]:
    """Return the topics that there are not."""
    return [topic for topic in topics if topic not in {TOPIC, f"{TOPIC}:{user_id}"}]
