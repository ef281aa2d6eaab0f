"""Sign a request like the payment provider does."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Final

HEADER: Final = "X-CC-Signature"


def signature(secret: str, body: bytes, moment: int | None = None) -> str:
    """Return the value of HEADER: `t=<unix seconds>,v1=<HMAC-SHA256 over "t.body">`, by default of now."""
    at = int(time.time()) if moment is None else moment
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={mac}"
