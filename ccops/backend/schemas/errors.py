"""The error body as OpenAPI shows it."""

from __future__ import annotations

from pydantic import BaseModel


class ErrorDetail(BaseModel):
    """What went wrong: a stable code, a sentence, details for programs, the request to quote."""

    code: str
    message: str
    details: object = None
    request_id: str


class ErrorResponse(BaseModel):
    """Every answer that is not a success."""

    error: ErrorDetail
