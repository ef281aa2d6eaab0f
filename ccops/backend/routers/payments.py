"""Routes of payments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Path, Request, Response
from starlette.requests import ClientDisconnect

from ccops.backend.core.deps import AdminUser, RequiredKey
from ccops.backend.core.errors import ApiError, responses
from ccops.backend.core.responses import stored
from ccops.backend.schemas.payments import (
    Decided,
    Decision,
    PaymentEvent,
    PaymentOutcome,
    Refund,
    RefundIn,
)
from ccops.backend.services import payments as service

router = APIRouter(prefix="/api/payments", tags=["payments"])

_ADMIN = (
    "UNAUTHORIZED", "TOKEN_EXPIRED", "RANK_REQUIRED", "VALIDATION_ERROR", "BAD_REQUEST", "PAYLOAD_TOO_LARGE",
    "NOT_FOUND", "BUSY", "AMOUNT_OUT_OF_RANGE",
)  # fmt: skip


@router.post(
    "/webhook/{provider}",
    responses={
        202: {"model": PaymentOutcome, "description": "The receipt is unknown; the event is kept"},
        **responses(
            "BAD_REQUEST",
            "SIGNATURE_MALFORMED",
            "SIGNATURE_INVALID",
            "TIMESTAMP_SKEW",
            "PAYLOAD_TOO_LARGE",
            "VALIDATION_ERROR",
            "BUSY",
        ),
    },
    # The signature covers the raw bytes, so FastAPI must not parse them; the shape is documented by hand.
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": PaymentEvent.model_json_schema()}},
        }
    },
)
async def webhook(
    request: Request,
    response: Response,
    provider: Annotated[str, Path(pattern=r"^[a-z][a-z0-9_-]{0,31}$")],
    signature: Annotated[str | None, Header(alias="X-CC-Signature", max_length=1_024)] = None,
) -> PaymentOutcome:
    """Receive a payment event: `X-CC-Signature: t=<unix>,v1=<HMAC-SHA256 over "t.body">`."""
    outcome = await service.receive(provider, signature, await _limited_body(request))
    response.status_code = 202 if outcome == "unknown" else 200
    return PaymentOutcome.model_validate({"outcome": outcome})


@router.post(
    "/{transaction_id}/settle",
    response_model=Decided,
    responses=responses(*_ADMIN, "ALREADY_FINAL", "AMOUNT_MISMATCH", "LIMIT_REACHED", "SOLD_OUT"),
)
async def settle(admin: AdminUser, transaction_id: UUID, wanted: Decision) -> Mapping[str, object]:
    """Decide an open payment (PENDING or REVIEW) by hand; approving needs the exact price."""
    return await service.decide(admin.user_id, transaction_id, wanted)


@router.post(
    "/{transaction_id}/refund",
    response_model=Refund,
    responses=responses(
        *_ADMIN,
        "IDEMPOTENCY_KEY_MISSING",
        "IDEMPOTENCY_KEY_REUSED",
        "IDEMPOTENCY_IN_PROGRESS",
        "INSUFFICIENT_GOLD",
        "NOT_REFUNDABLE",
    ),
)
async def refund(admin: AdminUser, key: RequiredKey, transaction_id: UUID, wanted: RefundIn) -> Response:
    """Refund a successful purchase by new ledger rows; 402 when a pack's gold is spent."""
    status, body, replayed = await service.refund(
        admin.user_id, transaction_id, reason=wanted.reason, idempotency=key
    )
    return stored(status, body, replayed=replayed)


async def _limited_body(request: Request) -> bytes:
    """Read at most the limit: a lie in Content-Length or a chunked body without end costs 64 KiB."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > service.BODY_LIMIT:
                raise ApiError("PAYLOAD_TOO_LARGE", headers={"Connection": "close"})
    except ClientDisconnect as err:
        raise ApiError("BAD_REQUEST") from err
    return bytes(body)
