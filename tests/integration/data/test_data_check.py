"""`ccops data check` finds every planted violation, and says when it could not look."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from ccops.core.bundle import packaged_contract
from ccops.core.errors import ExitCode, Unreachable, UsageError
from ccops.data.invariants import read_invariants
from ccops.data.model import Check, Verdict
from tests.conftest import Stack, run_ccops
from tests.integration.data import plants
from tests.integration.data.conftest import Planted

Contract = Callable[[dict[str, str]], str]
ONE = "-- name: one\n-- Nothing is one.\n"


def broken(checks: tuple[Check, ...]) -> set[str]:
    return {check.name for check in checks if check.verdict is not Verdict.HOLDS}


def test_every_invariant_has_a_plant() -> None:
    assert set(plants.INVARIANTS) == {one.name for one in read_invariants(packaged_contract())}


def test_a_fresh_database_keeps_every_rule_and_has_every_object(planted: Planted) -> None:
    looked = planted.look()

    assert broken(looked.checks) == set()
    assert [one.text for check in looked.checks for one in check.offences] == []
    assert looked.exit_code is ExitCode.OK


@pytest.mark.parametrize("name", plants.INVARIANTS)
def test_a_planted_violation_is_found_by_its_invariant(planted: Planted, name: str) -> None:
    planted.run(*plants.INVARIANTS[name])

    looked = planted.look(name)

    assert looked.exit_code is ExitCode.NEGATIVE
    (check,) = looked.checks
    assert (check.name, check.verdict) == (name, Verdict.BROKEN)
    assert check.rows >= 1
    assert 1 <= len(check.samples) <= 5


@pytest.mark.parametrize("case", plants.SCHEMA)
def test_a_spoilt_object_is_found_by_name(planted: Planted, case: str) -> None:
    statements, code, name = plants.SCHEMA[case]
    planted.run(*statements, fails=psycopg.errors.UniqueViolation)

    looked = planted.look("schema")

    assert looked.exit_code is ExitCode.NEGATIVE
    assert (code, name) in {(one.code, one.name) for one in looked.checks[0].offences}


def test_what_nobody_declared_is_information(planted: Planted) -> None:
    planted.run("CREATE TABLE guest (id int)", "CREATE INDEX own ON wallets (updated_at)")

    looked = planted.look("schema")

    assert {(one.code, one.name) for one in looked.checks[0].offences} == {
        ("TABLE_EXTRA", "guest"),
        ("INDEX_EXTRA", "wallets.own"),
    }
    assert looked.exit_code is ExitCode.OK


def test_offenders_are_counted_all_and_shown_five_without_secrets(
    planted: Planted, contract: Contract
) -> None:
    sql = "SELECT n, 'hunter22' AS password, repeat('x', 500) AS long FROM generate_series(1, 300) AS n;\n"
    looked = planted.look("one", CCOPS_CONTRACT=contract({"invariants.sql": ONE + sql}))

    (check,) = looked.checks
    assert (check.rows, len(check.samples)) == (300, 5)
    assert {str(row["password"]) for row in check.samples} == {"***"}
    assert max(len(str(row["long"])) for row in check.samples) <= 201


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT pg_sleep(5)", "QueryCanceled"),
        ("SELECT 1 FROM nowhere", "UndefinedTable"),
        ("SELECT 1 / 0", "DivisionByZero"),
        ("SELECT 1) AS x; DROP TABLE wallets; SELECT (1", "SyntaxError"),
        ("WITH gone AS (DELETE FROM wallets RETURNING 1) SELECT * FROM gone", "FeatureNotSupported"),
        ("SELECT set_config('transaction_read_only', 'off', true), lo_create(0)", ""),
    ],
)
def test_a_query_that_could_not_look_is_not_green_and_the_next_one_still_runs(
    planted: Planted, contract: Contract, sql: str, reason: str
) -> None:
    text = f"{ONE}{sql};\n-- name: two\nSELECT user_id FROM wallets;\n"
    looked = planted.look("one", "two", timeout_s=0.4, CCOPS_CONTRACT=contract({"invariants.sql": text}))

    first, second = looked.checks
    assert first.verdict is Verdict.NOT_EVALUATED
    assert reason in first.reason
    assert second.rows == 1
    assert looked.exit_code is ExitCode.UNREACHABLE


@pytest.mark.parametrize(
    "sets", ["set_config('search_path', 'elsewhere', false)", "set_config('statement_timeout', '0', false)"]
)
def test_a_query_changes_nothing_for_those_behind_it(planted: Planted, contract: Contract, sets: str) -> None:
    planted.run(*plants.INVARIANTS["wallet_is_sum_of_ledger"], "CREATE SCHEMA elsewhere")
    planted.run("CREATE TABLE elsewhere.wallets (LIKE wallets)")
    text = (
        f"-- name: first\nSELECT 1 WHERE {sets} IS NULL;\n"
        "-- name: finds\nSELECT user_id FROM wallets;\n-- name: sleeps\nSELECT pg_sleep(2);\n"
    )

    looked = planted.look(
        "first", "finds", "sleeps", timeout_s=0.4, CCOPS_CONTRACT=contract({"invariants.sql": text})
    )

    assert [one.verdict for one in looked.checks] == [
        Verdict.HOLDS,
        Verdict.BROKEN,
        Verdict.NOT_EVALUATED,
    ]


def test_all_rules_are_judged_by_one_snapshot(planted: Planted, contract: Contract) -> None:
    text = (
        "-- name: slow\nSELECT s FROM pg_sleep(1.5) AS s WHERE s::text <> '';\n"
        "-- name: late\nSELECT gold FROM wallets WHERE gold = 77;\n"
    )

    def change() -> None:
        end = time.monotonic() + 10
        with psycopg.connect(planted.url, autocommit=True) as conn:
            while not conn.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'").fetchone():
                assert time.monotonic() < end
                time.sleep(0.01)
        planted.run("UPDATE wallets SET gold = 77")

    other = threading.Thread(target=change)
    other.start()
    looked = planted.look("slow", "late", CCOPS_CONTRACT=contract({"invariants.sql": text}))
    other.join()

    assert broken(looked.checks) == set()
    assert broken(planted.look("late", CCOPS_CONTRACT=contract({"invariants.sql": text})).checks) == {"late"}


@pytest.mark.parametrize(
    "text", ["", "SELECT 1;\n", "-- name: a\n-- no query\n", f"{ONE}SELECT 1;\n{ONE}SELECT 2;\n"]
)
def test_a_contract_that_holds_nothing_is_no_contract(
    planted: Planted, contract: Contract, text: str
) -> None:
    with pytest.raises(UsageError) as raised:
        planted.look(CCOPS_CONTRACT=contract({"invariants.sql": text}))
    assert raised.value.code == "CONTRACT_INVALID"


def test_a_missing_bundle_and_an_unknown_name_are_usage_errors(planted: Planted, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        planted.look(CCOPS_CONTRACT=str(tmp_path))
    assert raised.value.code == "CONTRACT_NOT_FOUND"
    with pytest.raises(UsageError) as raised:
        planted.look("gold_never_negativ")
    assert raised.value.next_step == "--only gold_never_negative"


def test_a_server_that_is_gone_is_unreachable(planted: Planted) -> None:
    with pytest.raises(Unreachable):
        planted.look(CCOPS_DATABASE_URL="postgresql://nobody:secret1@127.0.0.1:1/none")


def test_the_command_exits_1_with_the_offender_and_works_on_a_protected_profile(
    stack: Stack, planted: Planted, tmp_path: Path
) -> None:
    shutil.copytree(stack.profile().project.scenarios, tmp_path / "scenarios")
    (tmp_path / "env").mkdir()
    profile = f"CCOPS_STACK=external\nCCOPS_PROTECTED=1\nCCOPS_DATABASE_URL={planted.url}\n"
    (tmp_path / "env" / "prod.env").write_text(profile, encoding="utf-8")
    args = ("data", "check", "--env", "prod", "--project", str(tmp_path))
    assert run_ccops(*args).code == 0

    planted.run(*plants.INVARIANTS["wallet_is_sum_of_ledger"], "DROP INDEX ix_gold_ledger_trace_id")
    text, machine = run_ccops(*args), run_ccops(*args, "-o", "json")

    assert (text.code, machine.code) == (1, 1)
    assert "FAIL wallet_is_sum_of_ledger" in text.out
    assert "gold=7" in text.err
    assert "error[INDEX_MISSING]" in text.err
    codes = [issue["code"] for issue in json.loads(machine.out)["issues"]]
    assert codes == ["INVARIANT_BROKEN", "INDEX_MISSING"]


def test_the_command_exits_4_without_a_server() -> None:
    env = {"CCOPS_DATABASE_URL": "postgresql://nobody:secret1@127.0.0.1:1/none"}
    ran = run_ccops("data", "check", env=env)

    assert ran.code == 4
    assert "POSTGRES_UNREACHABLE" in ran.err
    assert "secret1" not in ran.out + ran.err
