"""`ccops smoke race` on the whole stack: outcomes for any size, and the invariants afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ccops.core.bundle import packaged_contract
from tests.conftest import Ccops, Stack, run_ccops

BROKEN = "-- name: nobody_has_a_wallet\n-- Nobody has one.\nSELECT user_id FROM wallets;\n"


@pytest.mark.parametrize(
    ("name", "n", "outcomes"),
    [
        ("buy", 100, {"200": 4, "402": 96}),
        ("buy-race", 3, {"200": 3}),
        ("streak", 100, {"200": 1, "409": 99}),
        ("promo", 1, {"200": 1}),
        ("limited", 60, {"200": 1, "409": 59}),
    ],
)
def test_a_race_of_any_size_has_the_outcomes_of_its_scenario(
    stack: Stack, name: str, n: int, outcomes: dict[str, int]
) -> None:
    ran = stack.ccops("smoke", "race", name, "--n", str(n), "-o", "json")

    assert ran.code == 0, ran.out[-3000:] + ran.err
    data = json.loads(ran.out)["data"]
    assert data["races"][-1]["outcomes"] == outcomes
    assert data["races"][-1]["n"] == n
    assert data["races"][-1]["per_s"] > 0
    assert {check["verdict"] for check in data["checks"]} == {"holds"}
    assert len(data["checks"]) >= 8


def test_a_broken_invariant_makes_a_green_race_red(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "invariants.sql").write_text(BROKEN, encoding="utf-8")
    for name in ("openapi.json", "events.json", "metrics.yml"):
        (tmp_path / name).symlink_to(packaged_contract() / name)
    env = stack.env | {"CCOPS_CONTRACT": str(tmp_path)}

    ran = run_ccops("smoke", "race", "streak", "--n", "5", env=env)

    assert ran.code == 1
    assert "OK streak-race" in ran.out
    assert "FAIL nobody_has_a_wallet" in ran.out
    assert "error[INVARIANT_BROKEN]" in ran.err


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("bui",), 2, "next: ccops smoke race buy"),
        (("lockout",), 2, "RACE_UNKNOWN"),
        (("buy", "--n", "1001"), 2, "allowed are 1 to 1000"),
        (("buy", "--n", "0"), 2, "allowed are 1 to 1000"),
    ],
)
def test_what_is_no_race_is_a_usage_error(ccops: Ccops, args: tuple[str, ...], code: int, said: str) -> None:
    ran = ccops("smoke", "race", *args)

    assert (ran.code, said in ran.err) == (code, True), ran.err


def test_more_connections_than_files_are_refused_before_the_first(stack: Stack) -> None:
    # Not our own limit: this process may have more open already.
    few = ("sh", "-c", 'ulimit -Sn 256 && exec "$@"', "sh")
    ran = run_ccops("smoke", "race", "streak", "--n", "200", env=stack.env, under=few)

    assert ran.code == 2
    assert "RACE_SIZE" in ran.err
    assert "ulimit -n 300" in ran.err


def test_data_and_keys_of_a_played_stack_are_as_declared(stack: Stack) -> None:
    assert stack.ccops("smoke", "journey").code == 0
    data, keys = stack.ccops("data", "check", "--clickhouse"), stack.ccops("redis", "check")

    assert data.code == 0, data.out + data.err
    assert keys.code == 0, keys.out + keys.err
