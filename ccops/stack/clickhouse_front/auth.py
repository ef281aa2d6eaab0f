"""Who is asking: one user, one password, compared in constant time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from ccops.stack.clickhouse_front.errors import AUTHENTICATION_FAILED, ServerError

USER = "default"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request brought along; the password never appears in a repr."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials(user={self.user!r})"


class Gate:
    """Checks credentials against the one password (kept as a digest, not as text)."""

    __slots__ = ("_expected",)

    def __init__(self, password: str) -> None:
        self._expected = _digest(USER, password)

    def check(self, given: Credentials) -> None:
        """Raise 516 unless user and password are right; both are always compared."""
        if not hmac.compare_digest(self._expected, _digest(given.user, given.password)):
            shown = given.user if given.user.isprintable() and len(given.user) <= 64 else "?"
            raise ServerError(
                AUTHENTICATION_FAILED,
                f"{shown}: Authentication failed: password is incorrect, or there is no user with such name.",
            )


def credentials(headers: Mapping[str, str], params: Mapping[str, str]) -> Credentials:
    """Read the first source present: X-ClickHouse-* headers, HTTP Basic, then ?user=&password=."""
    user, key = headers.get("x-clickhouse-user"), headers.get("x-clickhouse-key")
    if user is not None or key is not None:
        return Credentials(user or USER, key or "")
    authorization = headers.get("authorization")
    if authorization is not None:
        return _basic(authorization)
    return Credentials(params.get("user") or USER, params.get("password", ""))


def _basic(authorization: str) -> Credentials:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            colon = ""
        if colon:
            return Credentials(user or USER, password)
    raise ServerError(
        AUTHENTICATION_FAILED, "Invalid authentication: the Authorization header is not valid Basic."
    )


def _digest(user: str, password: str) -> bytes:
    # Digests have one length, so the comparison tells nothing about the length of the password.
    return hashlib.sha256(f"{len(user)}:{user}:{password}".encode("utf-8", "surrogatepass")).digest()
