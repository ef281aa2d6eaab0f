"""Tokens, password hashes and encrypted personal data. Keys rotate: the first signs, all verify."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import secrets
import time
from dataclasses import dataclass
from functools import lru_cache

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ccops.backend.core.config import settings
from ccops.backend.core.errors import ApiError

# OWASP's second choice: t=2, m=19 MiB, p=1. One hash costs ~20 ms of CPU, so only two run at a time.
_HASHERS = {
    "prod": PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1),
    "test": PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1),
}
_hasher = _HASHERS[settings.argon2_profile]
_hash_slots = asyncio.Semaphore(2)
# Compared against when the account does not exist, so that both answers take the same time.
_NOBODY = _hasher.hash(secrets.token_hex(16))


@dataclass(frozen=True, slots=True)
class Claims:
    """What an access token says: user, rank, session (refresh family), its own id and its end."""

    user_id: int
    rank: str
    family: str
    jti: str
    expires_at: int


@lru_cache(maxsize=1)
def _jwt_keys() -> dict[str, str]:
    return dict(pair.split(":", 1) for pair in settings.jwt_keys.split(",") if pair)


def issue_access_token(user_id: int, rank: str, family: str, *, ttl_s: int | None = None) -> str:
    """Return a signed access token that lives `ttl_s` seconds (default: ACCESS_TTL_S)."""
    kid, key = next(iter(_jwt_keys().items()))
    issued = int(time.time())
    claims = {
        "sub": str(user_id),
        "rank": rank,
        "fam": family,
        "jti": secrets.token_hex(8),
        "iat": issued,
        "exp": issued + (ttl_s or settings.access_ttl_s),
    }
    return jwt.encode(claims, key, algorithm="HS256", headers={"kid": kid})


def read_access_token(token: str) -> Claims:
    """Return the claims of `token`; raises ApiError TOKEN_EXPIRED or UNAUTHORIZED."""
    claims = _verified(token)
    if claims.expires_at <= time.time():
        raise ApiError("TOKEN_EXPIRED")
    return claims


# A signature that held once holds for ever; whether the token still counts is asked each time.
@lru_cache(maxsize=10_000)
def _verified(token: str) -> Claims:
    try:
        key = _jwt_keys()[str(jwt.get_unverified_header(token).get("kid", ""))]
        claims = jwt.decode(token, key, algorithms=["HS256"], options={"require": ["exp", "sub", "jti"]})
        user_id = int(claims["sub"])
        if not 0 < user_id < 2**63:
            raise ValueError("no user has this id")
        return Claims(user_id, claims["rank"], claims["fam"], claims["jti"], claims["exp"])
    except jwt.ExpiredSignatureError as err:
        raise ApiError("TOKEN_EXPIRED") from err
    except (jwt.InvalidTokenError, KeyError, ValueError, TypeError) as err:
        raise ApiError("UNAUTHORIZED") from err


async def hash_password(password: str) -> str:
    """Return the argon2id hash of `password`."""
    async with _hash_slots:
        return await asyncio.to_thread(_hasher.hash, password)


async def verify_password(stored: str | None, password: str) -> bool:
    """Return whether `password` matches; an absent account costs the same time and is False."""
    async with _hash_slots:
        matches = await asyncio.to_thread(_matches, stored or _NOBODY, password)
    return matches and stored is not None


def needs_rehash(stored: str) -> bool:
    """Return whether `stored` was made with other parameters than those of today."""
    return _hasher.check_needs_rehash(stored)


def _matches(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password)
    except (Argon2Error, InvalidHashError):
        return False


def new_refresh_token() -> str:
    """Return an opaque refresh token of 256 bits."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """Return what the database keeps of a refresh token."""
    return hashlib.sha256(token.encode()).digest()


def encrypt_pii(plain: str) -> bytes:
    """Return `kid:` + nonce + AES-GCM ciphertext."""
    kid, key = next(iter(_pii_keys().items()))
    nonce = os.urandom(12)
    return kid.encode() + b":" + nonce + AESGCM(key).encrypt(nonce, plain.encode(), kid.encode())


def decrypt_pii(stored: bytes) -> str:
    """Return the plain text of what `encrypt_pii` made with any live key."""
    kid, _, rest = stored.partition(b":")
    return AESGCM(_pii_keys()[kid.decode()]).decrypt(rest[:12], rest[12:], kid).decode()


@lru_cache(maxsize=1)
def _pii_keys() -> dict[str, bytes]:
    pairs = (pair.split(":", 1) for pair in settings.pii_keys.split(",") if pair)
    return {kid: bytes.fromhex(value) for kid, value in pairs}


def sign_webhook(body: bytes, moment: int) -> str:
    """Return the header `t=..,v1=..`: HMAC-SHA256 over `t.body` with the first secret."""
    return f"t={moment},v1={_mac(settings.webhook_secrets.split(',')[0], body, moment)}"


def verify_webhook(header: str, body: bytes, *, tolerance_s: int = 300) -> None:
    """Raise ApiError unless a live secret signed `body` at most `tolerance_s` ago."""
    fields = [part.partition("=") for part in header.split(",")]
    moments = [value for name, _, value in fields if name.strip() == "t"]
    macs = [value for name, _, value in fields if name.strip() == "v1"]
    if len(moments) != 1 or not moments[0].isdecimal() or len(moments[0]) > 12 or not macs:
        raise ApiError("SIGNATURE_MALFORMED")
    moment = int(moments[0])
    wanted = [_mac(secret, body, moment) for secret in settings.webhook_secrets.split(",") if secret]
    if not any(hmac.compare_digest(mac.encode(), want.encode()) for mac in macs for want in wanted):
        raise ApiError("SIGNATURE_INVALID")
    if abs(time.time() - moment) > tolerance_s:
        raise ApiError("TIMESTAMP_SKEW")


def _mac(secret: str, body: bytes, moment: int) -> str:
    return hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
