"""Error codes: each is declared once with its status and sentence; the body shape is the same everywhere.

Body: `{"error": {"code", "message", "details", "request_id"}}`. The worker raises these too, so no web
framework is imported here: the handlers are in `handlers.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ccops.backend.core.context import current
from ccops.backend.schemas.errors import ErrorResponse


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """A stable code, its HTTP status and its default sentence."""

    code: str
    status: int
    message: str


_DECLARED = (
    ErrorCode("VALIDATION_ERROR", 422, "The request has the wrong shape."),
    ErrorCode("BAD_REQUEST", 400, "The request could not be read."),
    ErrorCode("NOT_FOUND", 404, "There is no such thing."),
    ErrorCode("METHOD_NOT_ALLOWED", 405, "This method is not allowed here."),
    ErrorCode("INTERNAL", 500, "Something went wrong on our side."),
    ErrorCode("STORE_UNAVAILABLE", 503, "A required store does not answer."),
    ErrorCode("BUSY", 409, "Another request holds the same row; try again."),
    ErrorCode("UNAUTHORIZED", 401, "A valid access token is needed."),
    ErrorCode("TOKEN_EXPIRED", 401, "The access token has expired."),
    ErrorCode("FORBIDDEN", 403, "This is not yours."),
    ErrorCode("RANK_REQUIRED", 403, "A higher rank is needed."),
    ErrorCode("AGE_RESTRICTED", 403, "You are too young for this."),
    ErrorCode("AGE_VERIFICATION_REQUIRED", 403, "Verify your age first."),
    ErrorCode("INVITE_INVALID", 400, "The invite code is not valid."),
    ErrorCode("INVITE_EXHAUSTED", 400, "The invite code is used up."),
    ErrorCode("NICKNAME_TAKEN", 409, "This nickname is taken."),
    ErrorCode("SITE_ID_TAKEN", 409, "This site id is taken."),
    ErrorCode("INVALID_CREDENTIALS", 401, "Site id or password is wrong."),
    ErrorCode("ACCOUNT_LOCKED", 429, "Too many failed attempts; try again later."),
    ErrorCode("REFRESH_INVALID", 401, "The refresh token is not valid."),
    ErrorCode("REFRESH_REUSED", 401, "The refresh token was used before; the session is closed."),
    ErrorCode("ALREADY_CLAIMED", 409, "This was claimed already."),
    ErrorCode("INSUFFICIENT_GOLD", 402, "There is not enough gold."),
    ErrorCode("AMOUNT_OUT_OF_RANGE", 422, "The amount is out of range."),
    ErrorCode("NONCE_USED", 409, "Another round was played at the same moment; try again."),
    ErrorCode("IDEMPOTENCY_KEY_MISSING", 400, "The header Idempotency-Key is required."),
    ErrorCode("IDEMPOTENCY_KEY_REUSED", 409, "This key was used for another request."),
    ErrorCode("IDEMPOTENCY_IN_PROGRESS", 409, "A request with this key is still running."),
    ErrorCode("PRODUCT_ENDED", 410, "This product is no longer sold."),
    ErrorCode("SIGNATURE_MALFORMED", 400, "The signature header can't be read."),
    ErrorCode("SIGNATURE_INVALID", 401, "The signature does not match."),
    ErrorCode("TIMESTAMP_SKEW", 401, "The signed time is too far from ours."),
    ErrorCode("PAYLOAD_TOO_LARGE", 413, "The body is too large."),
    ErrorCode("ALREADY_JOINED", 409, "You joined already."),
    ErrorCode("NOT_JOINED", 409, "Join first."),
    ErrorCode("NOT_COMPLETED", 409, "The goal is not reached yet."),
    ErrorCode("EVENT_ENDED", 410, "This event is over."),
    ErrorCode("NOT_UNLOCKED", 409, "This achievement is not unlocked yet."),
    ErrorCode("LEVEL_LOCKED", 409, "Your level is too low for this reward."),
    ErrorCode("PREMIUM_REQUIRED", 403, "The premium pass of this season is needed."),
    ErrorCode("FRAUD_WINDOW", 429, "Too many purchases in a short time; try again later."),
    ErrorCode("NOT_STARTED", 425, "This is not on sale yet."),
    ErrorCode("ENDED", 410, "This is over."),
    ErrorCode("SOLD_OUT", 409, "Nothing is left."),
    ErrorCode("LIMIT_REACHED", 409, "You have bought all that one person may."),
    ErrorCode("ALREADY_HELD", 409, "You hold one already; buy or release it first."),
    ErrorCode("HOLD_EXPIRED", 409, "The hold is gone; try to get a new one."),
    ErrorCode("PROMO_UNKNOWN", 404, "There is no such promo code."),
    ErrorCode("PROMO_USED", 409, "You used this promo code already."),
    ErrorCode("PROMO_EXHAUSTED", 409, "This promo code is used up."),
    ErrorCode("PROMO_EXPIRED", 410, "This promo code is not valid now."),
    ErrorCode("ALREADY_FINAL", 409, "This transaction is final."),
    ErrorCode("AMOUNT_MISMATCH", 409, "The paid amount differs from the price."),
    ErrorCode("NOT_REFUNDABLE", 409, "Only a successful purchase can be refunded, and once."),
    ErrorCode("DUPLICATE_REF", 409, "This reference was granted already."),
    ErrorCode("ROUND_CLOSED", 409, "No bets are taken now."),
    ErrorCode("ALREADY_BET", 409, "You have a bet in this round."),
    ErrorCode("ALREADY_CASHED", 409, "You cashed out already."),
    ErrorCode("CRASHED", 409, "The round has crashed."),
    ErrorCode("CODE_TAKEN", 409, "This code exists already."),
    ErrorCode("TOO_MANY_STREAMS", 429, "Too many event streams are open; try again later."),
    ErrorCode("VERSION_MISMATCH", 412, "The wallet has changed since you read it."),
)
CODES: Mapping[str, ErrorCode] = {item.code: item for item in _DECLARED}


class ApiError(Exception):
    """An answer that is not a success. Raise it with a declared code; the handler builds the body."""

    def __init__(
        self,
        code: str,
        message: str = "",
        *,
        details: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        declared = CODES[code]
        super().__init__(code)
        self.code = code
        self.status = declared.status
        self.message = message or declared.message
        self.details = details
        self.headers = dict(headers or {})


def error_body(code: str, message: str, details: object = None) -> dict[str, object]:
    """Return the one error shape."""
    return {
        "error": {"code": code, "message": message, "details": details, "request_id": current().request_id}
    }


def responses(*codes: str) -> dict[int | str, dict[str, object]]:
    """Return the OpenAPI `responses` of a route that may answer with `codes`."""
    by_status: dict[int | str, dict[str, object]] = {}
    for code in codes:
        item = CODES[code]
        entry = by_status.setdefault(item.status, {"description": "", "model": ErrorResponse, "x-codes": []})
        listed = entry["x-codes"]
        assert isinstance(listed, list)
        listed.append(code)
        entry["description"] = ", ".join(listed)
    return by_status
