"""Why the service ends a socket."""

from __future__ import annotations

INTERNAL = 1011
RESTART = 1012  # the process stops, or the stream starts over: reconnect
TRY_LATER = 1013  # a store does not answer
TOKEN = 4401  # no valid token, or its session ended meanwhile
FORBIDDEN = 4403  # somebody else's stream
NO_PONG = 4408
REPLACED = 4409  # newer sockets of the same user
TOO_LONG = 4413
FLOOD = 4429
SLOW = 4508
