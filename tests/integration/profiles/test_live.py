"""`env check --live`: the profile against the settings of a backend that runs."""

from __future__ import annotations

import json

from tests.conftest import Stack, run_ccops

Json = dict  # parsed JSON, narrowed by the assertions


def check(stack: Stack) -> tuple[int, Json]:
    ran = stack.ccops("env", "check", "--env", "dev", "--live", "-o", "json")
    return ran.code, json.loads(ran.out)


def test_a_fresh_stack_runs_what_its_profile_says(stack: Stack) -> None:
    code, found = check(stack)
    assert (code, found["issues"]) == (0, [])
    looked = set(found["data"]["live"])
    assert {"APP_ENV", "CRASH_BETTING_S", "MOCK_GATEWAY", "PROTECTED"} <= looked
    assert not looked & {"JWT_KEYS", "DATABASE_URL", "HTTP_PORT"}


def test_what_was_restarted_with_another_setting_is_told_until_it_is_put_back(stack: Stack) -> None:
    changed = stack.ccops("restart", "backend", "--set", "LIMITED_HOLD_S=77", "--set", "REALTIME_RATE=5")
    assert changed.code == 0, changed.out + changed.err
    try:
        code, found = check(stack)
    finally:
        back = stack.ccops("restart", "backend")
    assert back.code == 0, back.out + back.err
    assert code == 1
    told = [(one["code"], one["message"]) for one in found["issues"]]
    assert told == [
        ("ENV_LIVE_DIFFERS", "LIMITED_HOLD_S is 77 in the running backend, and 120 in the profile"),
        ("ENV_LIVE_DIFFERS", "REALTIME_RATE is 5.0 in the running backend, and 20 in the profile"),
    ]
    assert check(stack)[0] == 0


def test_who_is_no_administrator_is_told(stack: Stack) -> None:
    ran = run_ccops("env", "check", "--live", env={**stack.env, "CCOPS_ADMIN_PASSWORD": ""})
    assert (ran.code, "ENV_ADMIN_MISSING" in ran.err) == (2, True)
