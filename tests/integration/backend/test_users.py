"""Accounts and hostile input: an answer for everything, a 500 for nothing."""

from __future__ import annotations

import json
from datetime import datetime
from zoneinfo import ZoneInfo

import httpx
import pytest


def test_the_old_path_profile_shows_the_same_account(account):
    user = account()
    assert user.get("/api/users/profile").json() == user.get("/api/users/me").json()


def test_an_adult_is_verified_once_and_for_all(account):
    user = account()
    first = user.post("/api/users/me/age-verification")
    again = user.post("/api/users/me/age-verification")
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    assert first.json()["age_verified"] is True
    assert user.get("/api/users/me").json()["age_verified"] is True


def test_who_turns_nineteen_tomorrow_is_refused_today(account, code_of):
    today = datetime.now(ZoneInfo("Asia/Seoul")).date()
    tomorrow = today.toordinal() + 1
    born = type(today).fromordinal(tomorrow)
    born = born.replace(year=born.year - 19, day=min(born.day, 28) if born.month == 2 else born.day)
    user = account(birth_date=born.isoformat())
    answer = user.post("/api/users/me/age-verification")
    assert (answer.status_code, code_of(answer)) == (403, "AGE_RESTRICTED")
    assert user.get("/api/users/me").json()["age_verified"] is False


def test_a_token_of_a_vanished_account_is_401(account, sql):
    user = account()
    sql("SET session_replication_role = replica")  # the ledger refuses to be deleted otherwise
    for table in ("gold_ledger", "user_seeds", "invite_redemptions", "wallets", "refresh_tokens"):
        sql(f"DELETE FROM {table} WHERE user_id = %s", user.id)
    sql("DELETE FROM users WHERE id = %s", user.id)
    sql("RESET session_replication_role")
    for path in ("/api/users/me", "/api/dashboard"):
        assert user.get(path).status_code == 401


_DEEP = b"[" * 100_000 + b"]" * 100_000
_HOSTILE = {
    "nothing": b"",
    "not json": b"{",
    "null": b"null",
    "a list": b"[]",
    "deep": _DEEP,
    "deep value": b'{"site_id":' + _DEEP + b"}",
    "not utf-8": b'{"site_id":"\xff\xfe"}',
    "nul": json.dumps({"site_id": "a\x00bc", "password": "\x00", "action_type": "\x00"}).encode(),
    "lone surrogates": b'{"site_id":"\\ud800abc","password":"\\udfff","\\ud800":1,"action_type":"\\ud800"}',
    "surrogate field": b'{"site_id":"abcd","password":"x","action_type":"DAILY","\\ud800":1}',
    "emoji": json.dumps(
        {"site_id": "\N{GRINNING FACE}" * 9, "nickname": "\U0001f468\u200d\U0001f469"}
    ).encode(),
    "huge int": b'{"site_id":' + b"9" * 100_000 + b',"access_ttl_s":' + b"9" * 4000 + b"}",
    "big int": b'{"site_id":"abcd","password":"x","access_ttl_s":99999999999999999999,"action_type":1e999}',
    "nan": b'{"site_id":"abcd","password":NaN,"birth_date":Infinity,"action_type":-Infinity}',
    "many fields": json.dumps({f"f{n}": n for n in range(5000)}).encode(),
    "10 MB": b'{"site_id":"' + b"a" * 10_000_000 + b'"}',
}
_PATHS = (
    "/api/auth/signup",
    "/api/auth/login",
    "/api/auth/refresh",
    "/api/streak/claim",
    "/api/users/me/age-verification",
    "/api/auth/nothing-here",
)


@pytest.mark.parametrize("body", _HOSTILE.values(), ids=_HOSTILE)
def test_a_hostile_body_is_the_senders_mistake(account, http, body, code_of):
    user = account()
    for path in _PATHS:
        try:
            answer = http.post(path, content=body, headers={**user.auth, "Content-Type": "application/json"})
        except httpx.WriteError:
            continue  # refused before the whole body was sent
        if path.endswith("age-verification"):
            assert answer.status_code == 200  # reads no body
            continue
        assert 400 <= answer.status_code < 500, (path, answer.text)
        code_of(answer)
        assert len(answer.content) < 20_000


def test_ten_megabytes_are_413_announced_or_not(http, code_of):
    def stream():
        for _ in range(160):
            yield b"a" * 65_536

    headers = {"Content-Type": "application/json"}
    for body in (b"a" * 10_000_000, stream()):
        answer = http.post("/api/auth/login", content=body, headers=headers)
        assert (answer.status_code, code_of(answer)) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("key", ["k" * 256, "\xe9\xff", "' OR 1=1 --", "k" * 255])
def test_an_idempotency_key_is_a_key_or_422(account, key, code_of):
    answer = account().post(
        "/api/streak/claim", {"action_type": "DAILY"}, headers={"Idempotency-Key": key.encode("latin-1")}
    )
    assert answer.status_code == (422 if len(key) > 255 else 200)


def test_unknown_paths_and_methods_keep_the_error_shape(http, code_of):
    assert code_of(http.get("/api/nothing")) == "NOT_FOUND"
    assert code_of(http.delete("/api/auth/login")) == "METHOD_NOT_ALLOWED"


def test_ids_of_the_caller_come_back(http):
    trace = "a" * 31 + "b"
    answer = http.get(
        "/health", headers={"X-Request-Id": "my-request-1", "traceparent": f"00-{trace}-{'1' * 16}-01"}
    )
    assert answer.headers["X-Request-Id"] == "my-request-1"
    assert answer.headers["X-Trace-Id"] == trace
    assert (
        http.get("/health", headers={"X-Request-Id": "no spaces please"}).headers["X-Request-Id"]
        != "no spaces please"
    )
