"""Signup on the real backend: who gets in, who does not, and what is kept of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest


def test_an_account_starts_with_gold_that_is_in_the_ledger(signup, sql, metric):
    before = metric("auth_signup_total", result="ok")

    answer = signup(nickname="앨리스")

    assert answer.status_code == 201
    user = answer.json()["user"]
    assert user["nickname"] == "앨리스"
    assert (user["rank"], user["level"], user["exp"], user["age_verified"]) == ("STANDARD", 1, 0, False)
    assert "access_token" not in answer.json()
    ledger = sql("SELECT delta, balance_after, reason FROM gold_ledger WHERE user_id = %s", user["id"])
    assert ledger == [{"delta": 1000, "balance_after": 1000, "reason": "signup"}]
    assert user["gold_balance"] == 1000
    assert metric("auth_signup_total", result="ok") == before + 1


def test_birth_date_phone_and_password_are_not_stored_as_they_were_given(signup, sql):
    user = signup(birth_date="1987-06-05", phone="+82 10-1234-5678", password="canary-password").json()[
        "user"
    ]

    row = sql("SELECT u::text AS line FROM users u WHERE id = %s", user["id"])[0]["line"]

    clear = ("1987-06-05", "1234-5678", "canary-password", b"1987-06-05".hex(), b"1234-5678".hex())
    assert [text for text in clear if text in row] == []
    assert "$argon2id$" in row


def test_the_old_path_register_still_works(signup):
    assert signup("/api/auth/register").status_code == 201


def test_an_unknown_invite_is_400_and_makes_no_account(signup, sql, metric, code_of):
    before = metric("auth_signup_total", result="invite_rejected")
    unknown = metric("auth_invite_code_total", result="unknown", kind="none")

    answer = signup(invite_code="0000", site_id="nobody-came")

    assert answer.status_code == 400
    assert code_of(answer) == "INVITE_INVALID"
    assert sql("SELECT id FROM users WHERE site_id = 'nobody-came'") == []
    assert metric("auth_signup_total", result="invite_rejected") == before + 1
    assert metric("auth_invite_code_total", result="unknown", kind="none") == unknown + 1


def test_an_expired_invite_is_400(signup, sql, code_of):
    sql("INSERT INTO invite_codes (code, expires_at) VALUES ('old', now() - interval '1 s')")
    assert code_of(signup(invite_code="old")) == "INVITE_INVALID"


def test_ten_signups_at_once_with_three_uses_make_three_accounts(signup, sql, burst, code_of):
    sql("INSERT INTO invite_codes (code, max_uses) VALUES ('three', 3)")

    answers = burst(10, lambda i: signup(invite_code="three"))

    assert sorted(a.status_code for a in answers) == [201] * 3 + [400] * 7
    assert {code_of(a) for a in answers if a.status_code == 400} == {"INVITE_EXHAUSTED"}
    assert sql("SELECT used_count FROM invite_codes WHERE code = 'three'") == [{"used_count": 3}]
    assert sql("SELECT count(*) FROM invite_redemptions WHERE code = 'three'") == [{"count": 3}]


def test_a_refused_signup_gives_the_invite_back(signup, sql, code_of):
    sql("INSERT INTO invite_codes (code, max_uses) VALUES ('once', 1)")
    taken = signup().json()["user"]

    assert code_of(signup(invite_code="once", nickname=taken["nickname"])) == "NICKNAME_TAKEN"

    assert signup(invite_code="once").status_code == 201


@pytest.mark.parametrize(("field", "code"), [("nickname", "NICKNAME_TAKEN"), ("site_id", "SITE_ID_TAKEN")])
def test_the_same_name_in_other_case_is_409(signup, field, code, code_of):
    taken = signup(**{field: f"Case-Of-{field}"})
    assert taken.status_code == 201

    answer = signup(**{field: f"cASE-oF-{field}".replace(field, field.upper())})

    assert answer.status_code == 409
    assert code_of(answer) == code


def test_eight_signups_at_once_for_one_nickname_have_one_winner(signup, burst):
    answers = burst(8, lambda i: signup(nickname="Wanted-By-All"))
    assert sorted(a.status_code for a in answers) == [201] + [409] * 7


def test_two_spellings_of_one_nickname_are_one_nickname(signup):
    assert signup(nickname="Ａｄａ９９").json()["user"]["nickname"] == "Ada99"
    assert signup(nickname="ada99").status_code == 409


def test_a_child_is_refused_and_an_impossible_birth_date_is_422(signup, code_of):
    today = datetime.now(UTC).date()
    child = signup(birth_date=(today - timedelta(days=13 * 365)).isoformat())
    assert (child.status_code, code_of(child)) == (403, "AGE_RESTRICTED")
    for born in ((today + timedelta(days=3)).isoformat(), "1899-12-31", "2001-02-29", "yesterday", 0.5, True):
        answer = signup(birth_date=born)
        assert (born, answer.status_code, code_of(answer)) == (born, 422, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    "fields",
    [
        {"password": "short"},
        {"password": "x" * 129},
        {"site_id": "a b"},
        {"site_id": "ab\n"},
        {"site_id": "K\u212aelvin"},
        {"nickname": "a"},
        {"nickname": "line\nbreak"},
        {"nickname": "zero\u200bwidth"},
        {"phone": "call me"},
        {"rank": "ADMIN"},
        {"invite_code": None},
        {"invite_code": "58\x0058"},
    ],
    ids=repr,
)
def test_a_body_of_the_wrong_shape_is_422_and_never_echoes_the_password(signup, fields, code_of, metric):
    before = metric("auth_signup_total", result="invalid")
    answer = signup(**{"password": "canary-password-9", **fields})
    assert (answer.status_code, code_of(answer)) == (422, "VALIDATION_ERROR")
    assert "canary-password-9" not in answer.text
    assert metric("auth_signup_total", result="invalid") == before + 1


@pytest.mark.parametrize("path", ["/api/auth/signup", "/api/auth/login"])
def test_requests_are_counted_under_the_whole_route(path, http, metric) -> None:
    before = metric("http_requests_total", handler=path, method="POST", status="422")
    assert http.post(path, json={}).status_code == 422
    assert metric("http_requests_total", handler=path, method="POST", status="422") == max(before, 0) + 1
