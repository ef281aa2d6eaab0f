"""Exceptions to answers: nothing leaves the application in another shape than our error body."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from ccops.backend.core.errors import CODES, ApiError, error_body
from ccops.backend.core.limits import BodyLimit
from ccops.backend.core.responses import JSON

# A body of a thousand wrong fields gets the first of its errors.
_MAX_DETAILS = 20


def install(app: FastAPI) -> None:
    """Register the handlers and the body limit: nothing leaves the application in another shape."""
    app.add_middleware(BodyLimit)

    @app.exception_handler(ApiError)
    async def api_error(_: Request, error: ApiError) -> JSON:
        return refusal(error)

    @app.exception_handler(RequestValidationError)
    async def validation(_: Request, error: RequestValidationError) -> JSON:
        # The input itself is left out: it may hold a password.
        details = [
            {"loc": [_short(part) for part in e["loc"]], "msg": _short(e["msg"]), "type": e["type"]}
            for e in error.errors()[:_MAX_DETAILS]
        ]
        declared = CODES["VALIDATION_ERROR"]
        return JSON(error_body(declared.code, declared.message, details), declared.status)

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> JSON:
        code = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "PAYLOAD_TOO_LARGE"}.get(
            error.status_code, "BAD_REQUEST"
        )
        return JSON(
            error_body(code, CODES[code].message), error.status_code, headers=dict(error.headers or {})
        )


def _short(part: str | int) -> str | int:
    # Names of unknown fields come from the client and may be as long as the body.
    return part if isinstance(part, int) else part[:200]


def refusal(error: ApiError) -> JSON:
    """Return the answer that a declared code makes."""
    # A store that is away, or a pool that is full, is worth a second try, under the same key.
    soon = {"Retry-After": "1"} if error.status == 503 else {}
    return JSON(
        error_body(error.code, error.message, error.details), error.status, headers=soon | error.headers
    )


def unexpected() -> JSON:
    """Return the answer to an exception nobody expected; its text stays in the log."""
    declared = CODES["INTERNAL"]
    return JSON(error_body(declared.code, declared.message), declared.status)
