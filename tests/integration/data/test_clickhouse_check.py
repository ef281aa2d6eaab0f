"""`ccops data check --clickhouse` finds a table with other keys on the real engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import clickhouse_connect
import pytest

from ccops.backend.olap.tables import TABLES, VIEWS
from ccops.core.errors import ExitCode, Unreachable
from ccops.core.profile import Profile
from ccops.data.check import Looked, Wanted, check_data
from tests.conftest import Stack, run_ccops
from tests.integration.data.conftest import pointed

SPOILT = {
    "partition": ("PARTITION BY toYYYYMM(day)", "PARTITION BY toYYYYMM(ingested_at)", "PARTITION_KEY"),
    "order": ("ORDER BY (user_id, day, event_id)", "ORDER BY (user_id, event_id)", "SORTING_KEY"),
    "engine": ("ReplacingMergeTree(ingested_at)", "MergeTree()", "ENGINE"),
    "version": ("ReplacingMergeTree(ingested_at)", "ReplacingMergeTree(ts)", "ENGINE"),
}


@pytest.fixture
def olap(stack: Stack) -> Iterator[tuple[Profile, Callable[[str], object]]]:
    """A ClickHouse database of its own with the tables of the contract, and a way to command there."""
    url = stack.url("CCOPS_CLICKHOUSE_URL")
    client = clickhouse_connect.get_client(dsn=url)
    client.command("DROP DATABASE IF EXISTS planted")
    client.command("CREATE DATABASE planted")
    for item in (*TABLES, *VIEWS):
        client.command(item.ddl("planted"))
    try:
        yield (
            pointed(stack.profile(), CCOPS_CLICKHOUSE_URL=f"{url.rpartition('/')[0]}/planted"),
            client.command,
        )
    finally:
        client.command("DROP DATABASE planted")
        client.close()


def look(profile: Profile) -> Looked:
    return check_data(profile, Wanted(("gold_never_negative",), clickhouse=True))


def test_the_tables_of_the_ingester_are_those_of_the_contract(
    olap: tuple[Profile, Callable[[str], object]],
) -> None:
    looked = look(olap[0])

    assert [one.name for one in looked.checks] == ["gold_never_negative", "clickhouse"]
    assert looked.checks[1].offences == ()
    assert looked.exit_code is ExitCode.OK


@pytest.mark.parametrize("case", SPOILT)
def test_a_table_with_another_key_or_engine_is_found(
    olap: tuple[Profile, Callable[[str], object]], case: str
) -> None:
    profile, command = olap
    old, new, word = SPOILT[case]
    ledger = next(table for table in TABLES if table.name == "ledger").ddl("planted")
    assert old in ledger
    command("DROP TABLE planted.ledger")
    command(ledger.replace(old, new))

    looked = look(profile)

    assert [one.code for one in looked.checks[1].offences] == [f"OLAP_{word}_DIFFERS"]
    assert looked.exit_code is ExitCode.NEGATIVE


def test_a_missing_table_is_found_and_a_foreign_one_is_information(
    olap: tuple[Profile, Callable[[str], object]],
) -> None:
    profile, command = olap
    command("DROP TABLE planted.events")
    command("CREATE TABLE planted.guest (n Int32) ENGINE = MergeTree ORDER BY n")

    offences = look(profile).checks[1].offences

    assert [(one.code, one.name, one.info) for one in offences] == [
        ("OLAP_TABLE_MISSING", "events", False),
        ("OLAP_TABLE_EXTRA", "guest", True),
    ]


def test_a_clickhouse_that_is_gone_is_unreachable(stack: Stack) -> None:
    gone = pointed(stack.profile(), CCOPS_CLICKHOUSE_URL="http://nobody:secret1@127.0.0.1:1/casino")
    with pytest.raises(Unreachable):
        look(gone)


def test_the_stack_itself_is_as_declared(stack: Stack) -> None:
    ran = run_ccops("data", "check", "--only", "schema", "--clickhouse", env=stack.env)

    assert ran.code == 0, ran.out + ran.err
    assert "2 of 2 checks hold" in ran.out
