"""Limited packages: PostgreSQL decides who gets one; Redis only remembers."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import cast
from uuid import UUID, uuid4

import orjson

from ccops.backend import metrics
from ccops.backend.core.config import settings
from ccops.backend.core.deps import Idempotency
from ccops.backend.core.errors import ApiError
from ccops.backend.db import Connection, db
from ccops.backend.repositories import limited as repository
from ccops.backend.services import fraud, limited_cache, mock_gateway, refusals
from ccops.backend.utils.redis import wake_relays

_HOLD_RESULTS = {"SOLD_OUT": "sold_out", "LIMIT_REACHED": "limit"}


async def list_packages(user_id: int) -> list[Mapping[str, object]]:
    """Return what is on sale or will be, with what the user has of it."""
    async with db.connection() as conn:
        return await repository.list_packages(conn, user_id, hold_s=settings.limited_hold_s)


async def hold(user_id: int, package_id: str) -> Mapping[str, object]:
    """Hold one; returns hold_id, expires_at and stock_left."""
    hold_id = uuid4()
    try:
        async with db.connection() as conn:
            row = await repository.hold(
                conn, user_id, package_id=package_id, hold_id=hold_id, hold_s=settings.limited_hold_s
            )
    except ApiError as error:
        if error.code in _HOLD_RESULTS:
            metrics.limited_holds.labels(_HOLD_RESULTS[error.code]).inc()
        raise
    metrics.limited_holds.labels("held").inc()
    await limited_cache.stock(package_id, cast(int, row["stock_left"]))
    return {"hold_id": hold_id, **row}


async def release(user_id: int, package_id: str) -> None:
    """Give the hold back; without one there is nothing to do, so a repeated call ends well too."""
    async with db.connection() as conn:
        released = await repository.release(conn, user_id, package_id=package_id)
    if released:
        metrics.limited_holds.labels("released").inc()


async def buy(
    user_id: int, package_id: str, *, named_hold: UUID | None, idempotency: Idempotency
) -> tuple[int, bytes, bool]:
    """Buy one once a key: status, body bytes, replayed. Gold is paid now, cents are paid later."""
    assert idempotency.key is not None
    wanted = repository.Purchase(
        package_id=package_id,
        named_hold=named_hold,
        hold_id=uuid4(),
        hold_s=settings.limited_hold_s,
        transaction_id=uuid4(),
        provider=mock_gateway.PROVIDER,
        receipt=secrets.token_urlsafe(24),
        key=idempotency.key,
        request_hash=idempotency.hash("limited", package_id, named_hold),
    )
    slot = await _enter_window(user_id, wanted)
    await limited_cache.begin(user_id, package_id, wanted.key)
    try:
        async with db.connection() as conn:
            bought = await repository.buy(conn, user_id, wanted)
    except ApiError as error:
        await limited_cache.refused(user_id, package_id, wanted.key)
        refusals.count("limited", error.code)
        if error.code in refusals.TOLD:
            await _tell(user_id, wanted, error.code)
        if error.code in refusals.TOLD or error.code in {"NOT_STARTED", "ALREADY_HELD"}:
            await fraud.leave(slot)
        raise
    await _after(user_id, wanted, bought)
    return bought.status, bought.body, bought.replayed


async def _enter_window(user_id: int, wanted: repository.Purchase) -> fraud.Slot:
    payment = await limited_cache.is_paid_outside(wanted.package_id)
    try:
        return await fraud.enter(
            user_id, payment=payment, scope="limited", key=wanted.key, request_hash=wanted.request_hash
        )
    except ApiError as error:
        refusals.count("limited", error.code)
        raise


async def _tell(user_id: int, wanted: repository.Purchase, code: str) -> None:
    async def write(conn: Connection, status: str, reason: str) -> None:
        await repository.tell_refusal(
            conn, user_id, package_id=wanted.package_id, status=status, reason=reason, key=wanted.key
        )

    await refusals.tell(code, write)


async def _after(user_id: int, wanted: repository.Purchase, bought: repository.Bought) -> None:
    if bought.replayed:
        metrics.shop_idempotent_replay.labels("match").inc()
    else:
        _count_purchase(bought.status)
        await wake_relays()
    # A replay wakes too: its first try may have been cut off before the gateway heard of it.
    if bought.status == 202:
        mock_gateway.wake()
    transaction = cast(dict[str, str], orjson.loads(bought.body))["transaction_id"]
    await limited_cache.bought(
        user_id, wanted.package_id, wanted.key, transaction=transaction, stock_left=bought.stock_left
    )


def _count_purchase(status: int) -> None:
    if status == 202:
        metrics.purchase_attempt.labels("limited", "pending", "").inc()
        return
    metrics.purchase_attempt.labels("limited", "success", "").inc()
    metrics.shop_buy_success.labels("limited").inc()
    metrics.limited_holds.labels("captured").inc()
