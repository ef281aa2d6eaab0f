"""What is logged carries no credential."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from ccops.backend.core.logs import Redact, config, redact

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"/sync?token={JWT}&epoch=x", "/sync?token=***&epoch=x"),
        ("/sync?epoch=x&access_token=abc.def HTTP/1.1", "/sync?epoch=x&access_token=*** HTTP/1.1"),
        ("refresh_token=opaque-32", "refresh_token=***"),
        (f"Authorization: Bearer {JWT}", "Authorization: Bearer ***"),
        (f"cc.v1, bearer.{JWT}", "cc.v1, bearer.***"),
        (f"a bare {JWT} too", "a bare *** too"),
        ("token bucket, no secret here", "token bucket, no secret here"),
    ],
)
def test_credentials_are_taken_out_and_the_rest_stays(text: str, wanted: str) -> None:
    assert redact(text) == wanted


def test_a_record_is_redacted_in_its_text_and_its_arguments() -> None:
    record = logging.LogRecord(
        "uvicorn.error", 20, "", 0, '%s - "WebSocket %s" [%d]', ("1:2", f"/x?token={JWT}", 7), None
    )
    assert Redact().filter(record)
    assert record.getMessage() == '1:2 - "WebSocket /x?token=***" [7]'


def test_every_handler_redacts_and_our_loggers_have_one() -> None:
    made: Any = config("INFO")
    assert all(handler["filters"] == ["redact"] for handler in made["handlers"].values())
    assert made["loggers"]["ccops.backend"]["handlers"] == ["default"]
