"""Tokens, hashes, encryption and signatures without a server."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time

import jwt
import pytest
from cryptography.exceptions import InvalidTag

from ccops.backend.core import security
from ccops.backend.core.config import Settings
from ccops.backend.core.errors import ApiError

_OLD = "a" * 40
_NEW = "b" * 40


@pytest.fixture
def keys(monkeypatch):
    """Set the live keys for one test: `keys(jwt_keys=.., pii_keys=.., webhook_secrets=..)`."""

    def use(**values):
        monkeypatch.setattr(security, "settings", Settings(argon2_profile="test", **values))
        security._jwt_keys.cache_clear()
        security._pii_keys.cache_clear()
        security._verified.cache_clear()

    yield use
    security._verified.cache_clear()
    security._jwt_keys.cache_clear()
    security._pii_keys.cache_clear()


def refused(token: str) -> str:
    with pytest.raises(ApiError) as caught:
        security.read_access_token(token)
    return caught.value.code


def test_a_token_says_who_and_for_how_long(keys):
    keys()
    claims = security.read_access_token(security.issue_access_token(7, "VIP", "family-1", ttl_s=60))
    assert (claims.user_id, claims.rank, claims.family) == (7, "VIP", "family-1")
    assert 58 <= claims.expires_at - time.time() <= 60


def test_a_key_that_no_longer_signs_still_verifies_until_it_is_removed(keys):
    keys(jwt_keys=f"old:{_OLD}")
    token = security.issue_access_token(7, "VIP", "f")
    keys(jwt_keys=f"new:{_NEW},old:{_OLD}")
    assert security.read_access_token(token).user_id == 7
    assert jwt.get_unverified_header(security.issue_access_token(7, "VIP", "f"))["kid"] == "new"
    keys(jwt_keys=f"new:{_NEW}")
    assert refused(token) == "UNAUTHORIZED"


def test_an_expired_token_is_told_apart_from_a_forged_one(keys):
    keys(jwt_keys=f"k:{_OLD}")
    good = {"sub": "7", "rank": "VIP", "fam": "f", "jti": "j", "exp": int(time.time()) + 60}
    assert refused(forged(good | {"exp": int(time.time()) - 1}, _OLD)) == "TOKEN_EXPIRED"
    assert refused(forged(good, _NEW)) == "UNAUTHORIZED"
    # A forged and expired token must not be told that it is merely old.
    assert refused(forged(good | {"exp": 1}, _NEW)) == "UNAUTHORIZED"


@pytest.mark.parametrize("missing", ["sub", "rank", "fam", "jti", "exp"])
def test_a_signed_token_without_a_claim_is_refused(keys, missing):
    keys(jwt_keys=f"k:{_OLD}")
    claims = {"sub": "7", "rank": "VIP", "fam": "f", "jti": "j", "exp": int(time.time()) + 60}
    del claims[missing]
    assert refused(forged(claims, _OLD)) == "UNAUTHORIZED"


@pytest.mark.parametrize(
    "token",
    ["", "a.b.c", "x" * 5000, "é.é.é", ".." * 9, base64.b64encode(b"[" * 40_000).decode() + ".e30.x"],
    ids=lambda token: token[:12],
)
def test_rubbish_is_refused_and_never_an_error(keys, token):
    keys()
    assert refused(token) == "UNAUTHORIZED"


def test_the_algorithm_none_is_refused(keys):
    keys(jwt_keys=f"k:{_OLD}")
    claims = {"sub": "7", "rank": "ADMIN", "fam": "f", "jti": "j", "exp": int(time.time()) + 60}
    assert refused(jwt.encode(claims, None, algorithm="none", headers={"kid": "k"})) == "UNAUTHORIZED"


def forged(claims: dict[str, object], key: str) -> str:
    return jwt.encode(claims, key, algorithm="HS256", headers={"kid": "k"})


def test_a_password_is_verified_and_an_absent_account_never_is():
    stored = asyncio.run(security.hash_password("correct horse"))
    assert stored.startswith("$argon2id$")
    assert asyncio.run(security.verify_password(stored, "correct horse"))
    assert not asyncio.run(security.verify_password(stored, "correct hors"))
    assert not asyncio.run(security.verify_password(None, "correct horse"))
    assert not asyncio.run(security.verify_password("not a hash", "correct horse"))


def test_personal_data_is_read_with_any_live_key_and_with_no_other(keys):
    old, new = "k1:" + "11" * 32, "k2:" + "22" * 32
    keys(pii_keys=old)
    stored = security.encrypt_pii("1990-05-17")
    assert b"1990" not in stored
    assert stored != security.encrypt_pii("1990-05-17")
    keys(pii_keys=f"{new},{old}")
    assert security.decrypt_pii(stored) == "1990-05-17"
    assert security.encrypt_pii("x").startswith(b"k2:")
    with pytest.raises(InvalidTag):
        security.decrypt_pii(stored[:-1] + bytes([stored[-1] ^ 1]))


def test_refresh_tokens_are_long_and_kept_as_hashes():
    token = security.new_refresh_token()
    assert len(base64.urlsafe_b64decode(token + "=")) == 32
    assert security.token_hash(token) == hashlib.sha256(token.encode()).digest()


def signed(secret: str, body: bytes, moment: int) -> str:
    return hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()


def webhook_code(header: str, body: bytes = b"{}") -> str:
    try:
        security.verify_webhook(header, body)
    except ApiError as error:
        return error.code
    return "ok"


def test_a_webhook_needs_a_live_secret_the_same_body_and_a_near_time(keys):
    keys(webhook_secrets="new-secret,old-secret")
    now = int(time.time())
    assert webhook_code(security.sign_webhook(b"{}", now)) == "ok"
    assert webhook_code(f"t={now},v1={signed('old-secret', b'{}', now)}") == "ok"
    assert webhook_code(f"t={now},v1={'0' * 64},v1={signed('new-secret', b'{}', now)}") == "ok"
    assert webhook_code(security.sign_webhook(b"{}", now), b"{} ") == "SIGNATURE_INVALID"
    assert webhook_code(f"t={now},v1={signed('gone-secret', b'{}', now)}") == "SIGNATURE_INVALID"
    assert webhook_code(f"t={now + 1},v1={signed('new-secret', b'{}', now)}") == "SIGNATURE_INVALID"
    assert webhook_code(security.sign_webhook(b"{}", now - 302)) == "TIMESTAMP_SKEW"
    assert webhook_code(security.sign_webhook(b"{}", now + 302)) == "TIMESTAMP_SKEW"


@pytest.mark.parametrize(
    "header", ["", "t=1", "v1=aa", "t=x,v1=aa", "t=1,t=2,v1=aa", "t=" + "9" * 13 + ",v1=aa", "t=²,v1=aa"]
)
def test_a_header_that_is_no_signature_is_malformed(keys, header):
    keys()
    assert webhook_code(header) == "SIGNATURE_MALFORMED"


@pytest.mark.parametrize("sub", ["0", "-1", "9" * 19, "9" * 400, "1.5", "", "\u0663x"])
def test_a_signed_user_id_that_no_user_can_have_is_refused(keys, sub):
    keys(jwt_keys=f"k:{_NEW}")
    claims = {"sub": sub, "rank": "VIP", "fam": "f", "jti": "j", "exp": int(time.time()) + 60}
    assert refused(jwt.encode(claims, _NEW, algorithm="HS256", headers={"kid": "k"})) == "UNAUTHORIZED"
