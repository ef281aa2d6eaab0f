"""`ccops smoke ws` on the whole stack: green as it is, red with a planted fault."""

from __future__ import annotations

import json

import httpx

from tests.conftest import Stack, run_ccops


def test_reconnects_at_random_moments_lose_and_repeat_nothing(stack: Stack) -> None:
    ran = stack.ccops("smoke", "ws", "--duration", "4s", "--reconnects", "40", "-o", "json")
    data = json.loads(ran.out)["data"]

    assert ran.code == 0, ran.out + ran.err
    assert data["reconnects"] >= 40
    assert data["frames"]["user_action"] >= data["acts"] > 20
    assert (data["gaps"], data["duplicates"], data["unseen"], data["disorder"]) == (0, 0, 0, 0)
    assert data["latency_ms"]["n"] > 5


def test_a_threshold_that_nobody_meets_is_exit_one(stack: Stack) -> None:
    ran = stack.ccops("smoke", "ws", "--duration", "1s", "--reconnects", "0", "--max-p95-ms", "1")

    assert ran.code == 1
    assert "error[WS_BROKEN]: p95" in ran.err


def test_acts_that_no_frame_tells_of_are_found(stack: Stack) -> None:
    assert stack.ccops("down", "worker").code == 0
    try:
        ran = stack.ccops("smoke", "ws", "--duration", "1s", "--reconnects", "2", "-o", "json")
    finally:
        assert stack.ccops("up").code == 0

    assert ran.code == 1, ran.out
    assert json.loads(ran.out)["data"]["unseen"] > 0


def test_a_given_user_is_used_and_a_token_of_nobody_is_refused(stack: Stack) -> None:
    who = {"site_id": "ws-given-user", "password": "pw-ws-given-user"}
    more = {"invite_code": "5858", "nickname": "given", "birth_date": "1990-05-17"}
    with httpx.Client(base_url=stack.url("CCOPS_BACKEND_URL"), trust_env=False) as http:
        assert http.post("/api/auth/signup", json=who | more).status_code == 201
        token = http.post("/api/auth/login", json=who).json()["access_token"]
    short = ("smoke", "ws", "--duration", "1s", "--reconnects", "1")

    ran = run_ccops(*short, env=stack.env | {"CCOPS_WS_TOKEN": token})
    assert ran.code == 0, ran.out + ran.err

    ran = run_ccops(*short, env=stack.env | {"CCOPS_WS_TOKEN": "x" + token})
    assert (ran.code, "x" + token in ran.out + ran.err) == (2, False), ran.out + ran.err
    assert "TOKEN_REFUSED" in ran.err
