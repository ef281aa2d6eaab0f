"""What a client may send on the realtime channel. Anything else is answered with `error`, and is ignored."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class Ping(BaseModel):
    """Asks for a `pong`; the service's own pings are those of the protocol."""

    type: Literal["ping"]


class Pong(BaseModel):
    """Is taken and not answered."""

    type: Literal["pong"]


class Ack(BaseModel):
    """Is taken and not answered; resuming goes by the `seq` a client names when it connects."""

    type: Literal["ack"]


class Subscribe(BaseModel):
    """States interest. One stream a user carries everything, so that `topics` changes nothing."""

    type: Literal["subscribe"]
    topics: list[str] = []


CLIENT: dict[str, type[BaseModel]] = {"ack": Ack, "ping": Ping, "pong": Pong, "subscribe": Subscribe}
