"""What clickhouse-connect may rely on, on the front and on a real server alike.

CCOPS_SUITE_STACK_ENV=path/stack.env points these tests at the ClickHouse of that stack; without it they run
against a front of their own. Nothing here may know which of the two answers.
"""

from __future__ import annotations

import asyncio
import gzip
import threading
import uuid
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from urllib.parse import urlsplit

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError

from tests.suite_stack import target

EVENTS = """
CREATE TABLE events (
    event_id UUID, ts DateTime64(3, 'UTC'), user_id UInt64, type LowCardinality(String),
    labels Map(String, String), path Array(Int32), amount Nullable(Decimal(18, 2)), trace_id String
) ENGINE = ReplacingMergeTree ORDER BY (user_id, event_id) PARTITION BY toYYYYMM(ts)
SETTINGS non_replicated_deduplication_window = 1000
"""
COLUMNS = ["event_id", "ts", "user_id", "type", "labels", "path", "amount", "trace_id"]


def rows(count: int, first: int = 0) -> list[list[object]]:
    moment = datetime(2026, 11, 22, 12, 0, 0, 5000)  # noqa: DTZ001 - the client's way to say UTC
    return [
        [
            uuid.uuid4(),
            moment,
            n,
            "spin",
            {"game": f"g{n % 3}"},
            [n, -n],
            None if n % 2 else Decimal("1.25"),
            "t",
        ]
        for n in range(first, first + count)
    ]


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    given = target("CCOPS_CLICKHOUSE_URL")
    return given if given else str(request.getfixturevalue("front").url)


@pytest.fixture
def database(url: str) -> Iterator[str]:
    name = f"contract_{uuid.uuid4().hex[:12]}"
    admin = clickhouse_connect.get_client(dsn=url)
    admin.command(f"CREATE DATABASE {name}")
    yield name
    admin.command(f"DROP DATABASE {name}")
    admin.close()


@pytest.fixture
def client(url: str, database: str) -> Iterator[Client]:
    made = clickhouse_connect.get_client(dsn=url, database=database)
    yield made
    made.close()


def other(url: str, database: str, **options: object) -> Client:
    return clickhouse_connect.get_client(dsn=url, database=database, **options)


def test_parameters_reach_the_query_unharmed(client: Client) -> None:
    hard = "o'clock \\ \t\n é ; -- /* $$"
    answer = client.query(
        "SELECT {n:Int32} + 1, {s:String}, {a:Array(Int32)}", {"n": 4, "s": hard, "a": [1, 2]}
    )
    assert answer.result_rows == [(5, hard, [1, 2])]


def test_long_parameters_travel_as_a_form(client: Client) -> None:
    text = "é\r\n--boundary" * 2000
    assert client.query("SELECT {s:String}", {"s": text}).result_rows == [(text,)]


def test_a_setting_holds_for_one_query_only(client: Client) -> None:
    ask = "SELECT getSetting('max_block_size')"
    before = client.command(ask)
    assert client.command(ask, settings={"max_block_size": 777}) == 777
    assert client.command(ask) == before


def test_all_types_come_back_as_they_went_in(client: Client) -> None:
    client.command(EVENTS)
    sent = rows(250)
    assert client.insert("events", sent, column_names=COLUMNS).written_rows == 250
    back = client.query("SELECT * FROM events ORDER BY user_id").result_rows
    assert [list(row) for row in back] == sent


@pytest.mark.parametrize("compress", [False, "lz4", "zstd", "gzip"])
def test_inserts_arrive_in_every_compression(
    url: str, database: str, client: Client, compress: bool | str
) -> None:
    client.command(EVENTS)
    with other(url, database, compress=compress) as writer:
        for first in (0, 1000):
            writer.insert("events", rows(1000, first), column_names=COLUMNS)
    assert client.query("SELECT count(), uniqExact(user_id) FROM events").result_rows == [(2000, 2000)]


def test_the_same_batch_with_the_same_token_counts_once(client: Client) -> None:
    client.command(EVENTS)
    batch = rows(100)
    for token in ("kafka-0-42", "kafka-0-42", "kafka-0-43"):
        client.insert("events", batch, column_names=COLUMNS, settings={"insert_deduplication_token": token})
    assert client.command("SELECT count() FROM events") == 200


def test_the_same_batch_without_a_token_counts_once(client: Client) -> None:
    client.command(EVENTS)
    batch = rows(100)
    for _ in range(3):
        client.insert("events", batch, column_names=COLUMNS)
    client.insert("events", batch[:99], column_names=COLUMNS)
    assert client.command("SELECT count() FROM events") == 199
    assert client.command("SELECT count() FROM events FINAL") == 100


def test_raw_inserts_take_bytes_generators_and_compressed_bodies(client: Client) -> None:
    client.command("CREATE TABLE t (a UInt32, s String) ENGINE = MergeTree ORDER BY a")
    client.raw_insert("t", ["a", "s"], b"1\tx;y\n2\t\\N\n", fmt="TSV")
    client.raw_insert("t", ["a", "s"], iter([b"3\tx\n", b"4\ty\n"]), fmt="TSV")
    client.raw_insert(
        "t", ["a", "s"], gzip.compress(b'{"a":5,"s":"z"}'), fmt="JSONEachRow", compression="gzip"
    )
    client.command("INSERT INTO t (a, s) FORMAT CSV", data="6,six\n")
    client.command("INSERT INTO t VALUES (7, 'a;b -- '), ({n:UInt32}, lower('ABC'))", {"n": 8})
    client.command("INSERT INTO t SELECT a + 100, s FROM t WHERE a = 1")
    assert client.raw_query("SELECT a, s FROM t ORDER BY a", fmt="CSV").decode().splitlines() == [
        *('1,"x;y"', '2,""', '3,"x"', '4,"y"', '5,"z"', '6,"six"', '7,"a;b -- "', '8,"abc"', '101,"x;y"')
    ]


def test_binary_data_that_looks_like_sql_is_data(client: Client) -> None:
    client.command("CREATE TABLE t (s String) ENGINE = MergeTree ORDER BY s")
    nasty = ["; DROP TABLE t;", "'; SELECT 1; --", "\n\n", "FORMAT Native\n", "\x00;\x00"]
    client.insert("t", [[text] for text in nasty], column_names=["s"])
    assert sorted(row[0] for row in client.query("SELECT s FROM t").result_rows) == sorted(nasty)


def test_a_stream_gives_every_row(client: Client) -> None:
    with client.query_row_block_stream("SELECT number, toString(number) FROM numbers(300000)") as blocks:
        seen = [row[0] for block in blocks for row in block]
    assert seen == list(range(300_000))


def test_a_stream_may_be_left_early(client: Client) -> None:
    with client.query_row_block_stream("SELECT number FROM numbers(20000000)") as blocks:
        assert len(next(iter(blocks))) > 0
    assert client.command("SELECT 42") == 42


def test_totals_and_extremes_follow_the_rows_in_text_formats(client: Client) -> None:
    query = "SELECT number % 2 AS a, count() FROM numbers(10) GROUP BY a WITH TOTALS ORDER BY a"
    assert client.raw_stream(query, fmt="TSV").read() == b"0\t5\n1\t5\n\n0\t10\n"
    edges = client.raw_stream("SELECT number FROM numbers(3)", fmt="TSV", settings={"extremes": 1})
    assert edges.read() == b"0\n1\n2\n\n0\n2\n"


def test_an_error_in_the_middle_of_a_stream_is_an_error(client: Client) -> None:
    query = "SELECT number, throwIf(number = 3000000) FROM numbers(4000000)"
    blocks = client.query_row_block_stream(query, settings={"max_threads": 1})
    with pytest.raises(StreamFailureError, match="395"), blocks:
        list(blocks)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("SELECT 1 FROM no_such_database.t", 81),
        ("SELECT 1 FROM no_such_table", 60),
        ("SELECT no_such_column", 47),
        ("SELEC 1", 62),
        ("SELECT 1; SELECT 2", 62),
        ("SELECT throwIf(1)", 395),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", 358),
    ],
)
def test_errors_carry_clickhouses_code(client: Client, query: str, code: int) -> None:
    with pytest.raises(DatabaseError, match=f"Code: {code}\\. DB::Exception: ") as caught:
        client.command(query)
    assert caught.value.code == code


def test_an_unknown_setting_and_an_unknown_database_are_errors(url: str, client: Client) -> None:
    with pytest.raises(DatabaseError) as caught:
        client.query("SELECT 1", settings={"no_such_setting": 1})
    assert caught.value.code == 115
    with pytest.raises(DatabaseError) as caught:
        other(url, "no_such_database")
    assert caught.value.code == 81


@pytest.mark.parametrize("wrong", [{"password": "wrong"}, {"username": "nobody"}])
def test_a_wrong_password_or_user_is_refused(url: str, wrong: dict[str, str]) -> None:
    parts = urlsplit(url)
    with pytest.raises(DatabaseError) as caught:
        clickhouse_connect.get_client(host=parts.hostname, port=parts.port, **({"password": "x"} | wrong))
    assert caught.value.code == 516


def test_empty_results_keep_their_columns(client: Client) -> None:
    assert client.query("SELECT 1 AS a, 'x' AS b LIMIT 0").column_names == ("a", "b")
    assert client.query("SELECT 1 AS a WHERE 0").result_rows == []


def test_statements_about_the_schema_answer(client: Client) -> None:
    client.command(EVENTS)
    assert client.command("SHOW TABLES") == "events"
    assert client.command("EXISTS TABLE events") == 1
    assert client.query("DESCRIBE TABLE events").row_count == len(COLUMNS)
    client.insert("events", rows(10), column_names=COLUMNS)
    parts = client.query(
        "SELECT partition, sum(rows) FROM system.parts"
        " WHERE database = currentDatabase() AND active GROUP BY partition"
    )
    assert parts.result_rows == [("202611", 10)]
    client.command("ALTER TABLE events ADD COLUMN extra UInt8 DEFAULT 7")
    client.command("OPTIMIZE TABLE events FINAL")
    assert client.command("SELECT any(extra) FROM events") == 7


def test_ping_answers(client: Client) -> None:
    assert client.ping()


def test_the_async_client_works_too(url: str, database: str, client: Client) -> None:
    pytest.importorskip("aiohttp")
    client.command(EVENTS)

    async def work() -> tuple[list[int], int, int]:
        peer = await clickhouse_connect.get_async_client(dsn=url, database=database)
        try:
            asked = [peer.query("SELECT {i:Int32}, sleep(0.1)", {"i": i}) for i in range(6)]
            numbers = [answer.result_rows[0][0] for answer in await asyncio.gather(*asked)]
            written = (await peer.insert("events", rows(500), column_names=COLUMNS)).written_rows
            streamed = 0
            async with await peer.query_row_block_stream("SELECT number FROM numbers(200000)") as blocks:
                async for block in blocks:
                    streamed += len(block)
        finally:
            await peer.close()
        return numbers, written, streamed

    assert asyncio.run(work()) == ([0, 1, 2, 3, 4, 5], 500, 200_000)


def test_two_writers_and_a_reader_lose_nothing(url: str, database: str, client: Client) -> None:
    client.command(EVENTS)
    batches, failures, counts = 40, [], [0]

    def write(number: int) -> None:
        try:
            with other(url, database) as writer:
                for batch in range(batches):
                    first = (number * batches + batch) * 100
                    writer.insert("events", rows(100, first), column_names=COLUMNS)
        except DatabaseError as error:
            failures.append(error)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for thread in writers:
        thread.start()
    with other(url, database) as reader:
        while any(thread.is_alive() for thread in writers):
            counts.append(int(str(reader.command("SELECT count() FROM events"))))
    for thread in writers:
        thread.join()
    assert failures == []
    assert counts == sorted(counts), "the count went down"
    assert all(count % 100 == 0 for count in counts), "half a batch was visible"
    assert client.query("SELECT count(), uniqExact(user_id) FROM events").result_rows == [(8000, 8000)]
