"""What a client may send on the realtime channel. Anything else is answered with `error`, and is ignored."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Topic = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class ClientMessage(BaseModel):
    """Base of all messages: fields that a newer client adds are ignored, wrong types are not."""

    model_config = ConfigDict(strict=True)


class Ping(ClientMessage):
    """Asks for a `pong`; the service's own pings are those of the protocol."""

    type: Literal["ping"]


class Pong(ClientMessage):
    """Is taken and not answered."""

    type: Literal["pong"]


class Ack(ClientMessage):
    """Says what the client has; `pong` and `heartbeat` repeat it. Above what was sent it is an error.

    Resuming goes by the `last_seq` a client names when it connects, not by this.
    """

    type: Literal["ack"]
    seq: int = Field(ge=0, le=2**53)


class Subscribe(ClientMessage):
    """States interest in `user` (or `user:{your id}`): the one stream, which carries everything.

    Somebody else's stream ends the socket with 4403.
    """

    type: Literal["subscribe"]
    topics: list[Topic] = Field(default=[], max_length=16)


CLIENT: dict[str, type[BaseModel]] = {"ack": Ack, "ping": Ping, "pong": Pong, "subscribe": Subscribe}
