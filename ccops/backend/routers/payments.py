"""Routes of payments."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Path, Request, Response
from starlette.requests import ClientDisconnect

from ccops.backend.core.errors import ApiError, responses
from ccops.backend.schemas.payments import PaymentEvent, PaymentOutcome
from ccops.backend.services import payments as service

router = APIRouter(prefix="/api/payments", tags=["payments"])


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
            "IDEMPOTENCY_IN_PROGRESS",
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
