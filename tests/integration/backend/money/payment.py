"""Sign and send payment events like a provider."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time

import httpx


def header(body: bytes, *, secret: str, moment: int | None = None) -> str:
    """Return the signature header of `body`."""
    at = int(time.time()) if moment is None else moment
    return f"t={at},v1=" + hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def send(server, body: bytes, signature: str | None = None, provider: str = "manual") -> httpx.Response:
    """Deliver `body`, signed unless a signature is given."""
    headers = {
        "X-CC-Signature": header(body, secret=server.webhook_secret) if signature is None else signature
    }
    return httpx.post(
        f"{server.url}/api/payments/webhook/{provider}", content=body, headers=headers, timeout=20
    )


def event(receipt: str, *, kind: str = "payment.succeeded", amount: int = 999, event_id: str = "") -> bytes:
    """Return the body of one event."""
    made = {"event_id": event_id or f"evt_{secrets.token_hex(8)}", "type": kind}
    return json.dumps(made | {"receipt": receipt, "amount_cents": amount}).encode()


def outcome(answer: httpx.Response) -> tuple[int, str]:
    """Return status and outcome."""
    return answer.status_code, answer.json()["outcome"]


def updates(player, status: str) -> int:
    """Return how many purchase_update events of `status` the player got."""
    query = "SELECT 1 FROM outbox WHERE user_id = %s AND type = 'purchase_update' AND payload->>'status' = %s"
    return len(player.server.sql(query, player.id, status))
