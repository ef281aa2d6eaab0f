"""The register of open sockets in Redis: three a user over all processes, the newest stay.

A member is `process/connection`. A process says every few seconds that it lives; members of one that died
stop counting. What a message about a replaced socket did not reach is found by the regular comparison.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Mapping, Sequence

from redis.exceptions import RedisError

from ccops.backend.realtime import codes, scripts
from ccops.backend.realtime.connection import Connection
from ccops.backend.utils.redis import RT_PROCESS, best_effort, redis

log = logging.getLogger("ccops.backend.realtime")

SOCKETS_A_USER = 3
_ALIVE_EVERY_S = RT_PROCESS.ttl_s / 3
_REASON = f"more than {SOCKETS_A_USER} sockets; the oldest goes"


class Register:
    """What this process has in the register."""

    def __init__(self) -> None:
        self.process = secrets.token_hex(8)

    async def enter(self, connection: Connection) -> None:
        """Enter a socket; one too many replaces the oldest, in whichever process it is. Raises RedisError."""
        await self._ask(scripts.ENTER, connection)
        connection.entered = True

    async def leave(self, connection: Connection) -> None:
        """Take a socket out, also one that ended while it was entered: nobody knows how far that came."""
        async with best_effort("leaving the register of sockets"):
            await redis.zrem(scripts.sockets_key(connection.user_id), self._member(connection))

    async def keep_alive(self) -> None:
        """Say that this process lives, until cancelled."""
        while True:
            try:
                await redis.set(scripts.process_key(self.process), "1", ex=RT_PROCESS.ttl_s)
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("register of sockets: %s", type(error).__name__)
            await asyncio.sleep(_ALIVE_EVERY_S)

    def replaced(self, sockets: object, connections: Mapping[str, Connection]) -> None:
        """End those of `sockets` that are ours."""
        for member in sockets if isinstance(sockets, list) else ():
            process, _, identity = str(member).partition("/")
            if process == self.process and identity in connections:
                connections[identity].end(codes.REPLACED, _REASON)

    async def compare(self, connections: Mapping[str, Connection]) -> None:
        """End sockets that were replaced, enter forgotten ones, take out what is gone. Raises RedisError."""
        entered = [one for one in connections.values() if one.entered]
        users = sorted({one.user_id for one in entered})
        async with redis.pipeline(transaction=False) as pipe:
            for user_id in users:
                pipe.zrange(scripts.sockets_key(user_id), 0, -1)
            answers: Sequence[list[str]] = await pipe.execute()
        known = dict(zip(users, (set(members) for members in answers), strict=True))
        for one in entered:
            if self._member(one) in known[one.user_id] or one.id not in connections:
                continue
            if not await self._ask(scripts.STAY, one):
                one.end(codes.REPLACED, _REASON)
            elif one.id not in connections:  # it left while we asked
                await self.leave(one)
        async with redis.pipeline(transaction=False) as pipe:
            for user_id, members in known.items():
                gone = [
                    name for name in members if self._ours(name) and name.partition("/")[2] not in connections
                ]
                if gone:
                    pipe.zrem(scripts.sockets_key(user_id), *gone)
            await pipe.execute()

    async def _ask(self, script: str, connection: Connection) -> object:
        keys = (scripts.sockets_key(connection.user_id), scripts.process_key(self.process))
        return await redis.eval(script, len(keys), *keys, self._member(connection), str(SOCKETS_A_USER))

    def _ours(self, member: str) -> bool:
        return member.startswith(f"{self.process}/")

    def _member(self, connection: Connection) -> str:
        return f"{self.process}/{connection.id}"
