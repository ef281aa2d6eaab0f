"""The handshake of /api/realtime/sync: where the stream stands, the snapshot, what was missed, then live."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import cast

from fastapi import WebSocket
from redis.exceptions import RedisError

from ccops.backend import metrics
from ccops.backend.core.clock import day_before, game_day
from ccops.backend.core.config import settings
from ccops.backend.core.errors import ApiError
from ccops.backend.core.security import read_access_token
from ccops.backend.db import db
from ccops.backend.realtime import codes, scripts
from ccops.backend.realtime.connection import Connection
from ccops.backend.realtime.frames import Frame, control
from ccops.backend.realtime.hub import hub, read_stream
from ccops.backend.realtime.protocol import EXTENSION, PING_EVERY_S, SyncProtocol
from ccops.backend.repositories import realtime as repository
from ccops.backend.utils.redis import redis

log = logging.getLogger("ccops.backend.realtime")

PROTOCOL = "cc.v1"
RECOVERY_LIMIT = scripts.KEPT


@dataclass(frozen=True, slots=True)
class Resume:
    """What a returning client says it has."""

    epoch: str
    last_seq: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the user's stream stands, and the missed frames if all of them are still there."""

    epoch: str
    seq: int
    run: str
    missed: list[Frame] | None


async def serve(socket: WebSocket) -> None:
    """Open one socket; once it is live it needs nobody here, and this returns."""
    offered = cast(list[str], socket.scope.get("subprotocols", []))
    await socket.accept(subprotocol=PROTOCOL if PROTOCOL in offered else None)
    try:
        claims = read_access_token(_token(offered, socket.query_params))
    except ApiError as error:
        # After accept, so that the client sees the code; a refused handshake shows only 403.
        metrics.ws_closed.labels(str(codes.TOKEN)).inc()
        await socket.close(codes.TOKEN, error.code)
        return
    transport = cast(SyncProtocol, socket.scope["extensions"][EXTENSION])
    connection = Connection(transport, claims.user_id, claims.family, expires_at=claims.expires_at)
    hub.attach(connection)
    transport.adopt(connection)
    if connection.ended is not None:
        return
    opening = asyncio.create_task(_until_end(connection, _open(connection, _resume(socket.query_params))))
    connection.opening = opening
    try:
        await asyncio.wait({opening})
    finally:
        connection.opening = None
        if not opening.done():  # the server ends us
            opening.cancel()
            connection.end(codes.RESTART, "the process stops; reconnect")


async def _open(connection: Connection, resume: Resume | None) -> None:
    # The socket is attached by now: a session that ends after this look is told to the hub.
    async with db.connection() as conn:
        if await repository.closed_sessions(conn, [connection.family]):
            connection.end(codes.TOKEN, "UNAUTHORIZED")
            return
    await hub.register.enter(connection)
    await _greet(connection, resume)


async def _greet(connection: Connection, resume: Resume | None) -> None:
    """Send everything up to the live frames, if the user is still there."""
    user_id = connection.user_id
    standing = await _join(user_id, resume)
    hub.joined(connection, standing.epoch, standing.seq, standing.run)
    async with db.connection() as conn:
        state = await repository.initial_state(conn, user_id, before=day_before(game_day()))
    if state is None:
        connection.end(codes.TOKEN, "UNAUTHORIZED")
        return
    recovered, missed = standing.missed is not None, standing.missed or []
    if resume is not None:
        metrics.realtime_recovery.labels("recovered" if recovered else "snapshot").inc()
    hello = {
        "connection_id": connection.id,
        "epoch": standing.epoch,
        "seq": standing.seq,
        "resumable": True,
        "recovered": recovered,
        "heartbeat_s": max(1, round(PING_EVERY_S)),
    }
    await connection.send(control("sync_connected", user_id, hello))
    await connection.send(control("initial_state", user_id, {**state, "seq": standing.seq}))
    await connection.replay(missed)
    done = {
        "from": standing.seq - len(missed),
        "to": standing.seq,
        "count": len(missed),
        "recovered": recovered,
    }
    await connection.send(control("backfill_complete", user_id, done))
    await connection.go_live(standing.epoch, standing.seq)


async def _join(user_id: int, resume: Resume | None) -> Standing:
    keys = (scripts.meta_key(user_id), scripts.stream_key(user_id))
    known = (resume.epoch, resume.last_seq) if resume else ("", 0)
    answer = await redis.eval(scripts.JOIN, len(keys), *keys, secrets.token_hex(8), known[0], str(known[1]))
    epoch, seq, oldest, run = cast(list[str], answer)
    top, first = int(seq), int(oldest.partition("-")[0]) if oldest else None
    if resume is None or not recoverable(resume, epoch=epoch, top=top, oldest=first):
        return Standing(epoch, top, run, None)
    missed = await read_stream(user_id, resume.last_seq + 1, top) if resume.last_seq < top else []
    # Trimmed or lost since the call above: all of the missed frames or none.
    whole = [frame.seq for frame in missed] == list(range(resume.last_seq + 1, top + 1))
    return Standing(epoch, top, run, missed if whole and all(f.epoch == epoch for f in missed) else None)


def recoverable(resume: Resume, *, epoch: str, top: int, oldest: int | None) -> bool:
    """Return whether every frame after `resume` is still there and few enough to send."""
    if resume.epoch != epoch or resume.last_seq > top:
        return False
    if resume.last_seq == top:
        return True
    return oldest is not None and resume.last_seq + 1 >= oldest and top - resume.last_seq <= RECOVERY_LIMIT


async def _until_end(connection: Connection, work: Coroutine[object, object, None]) -> None:
    try:
        await work
    except (RedisError, OSError, TimeoutError, ApiError) as error:
        log.warning("realtime socket: a store does not answer (%s)", type(error).__name__)
        connection.end(codes.TRY_LATER, "a store does not answer")
    except Exception:  # the socket ends; the process and its other sockets do not
        log.exception("realtime socket")
        connection.end(codes.INTERNAL, "internal error")


def _token(offered: list[str], query: Mapping[str, str]) -> str:
    for name in offered:
        if name.startswith("bearer."):
            return name.removeprefix("bearer.")
    return query.get("token", "") if settings.allow_ws_query_token else ""


def _resume(query: Mapping[str, str]) -> Resume | None:
    epoch, last = query.get("epoch", ""), query.get("last_seq", "")
    if not epoch or not (last.isascii() and last.isdecimal()) or len(last) > 15:
        return None
    return Resume(epoch, int(last))
