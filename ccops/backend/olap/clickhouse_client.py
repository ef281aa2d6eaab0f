"""ClickHouse: connect, create what is missing, insert a batch. Blocking: callers bring their own thread."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import orjson

from ccops.backend.core.config import settings
from ccops.backend.olap.tables import TABLES, VIEWS, Row, Table

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_CONNECT_S = 3
# Shorter than a supervisor's patience: a worker must be able to stop while ClickHouse hangs. An insert that
# takes longer goes on over there, and its repeat with the same token adds nothing.
_ANSWER_S = 8
# Server errors that blame the data: the same bytes will never do. Everything else may pass with time.
_DATA_CODES = frozenset({6, 26, 27, 33, 38, 41, 53, 69, 70, 72, 117, 131, 321, 349, 376, 467, 469})


class StoreDown(Exception):
    """ClickHouse did not take the batch this time; the batch itself may be fine."""


class BadBatch(Exception):
    """ClickHouse blames the data."""


class ClickHouse:
    """One thread's client. Every statement names its database; nothing is kept between requests."""

    def __init__(self, client: Client, database: str) -> None:
        self._client = client
        self._database = database

    def ensure_schema(self) -> None:
        """Create the database, and the tables and views that are missing."""
        self._command(f"CREATE DATABASE IF NOT EXISTS `{self._database}`")
        for item in (*TABLES, *VIEWS):
            self._command(item.ddl(self._database))

    def try_schema(self) -> None:
        """Create what is missing if the server answers: it may have come back empty."""
        from clickhouse_connect.driver.exceptions import ClickHouseError

        with contextlib.suppress(ClickHouseError, OSError):
            self.ensure_schema()

    def insert(self, table: Table, rows: Sequence[Row], token: str) -> None:
        """Insert the rows; the same token twice is one insert. Raises BadBatch or StoreDown."""
        from clickhouse_connect.driver.exceptions import ClickHouseError

        try:
            self._client.raw_insert(
                f"`{self._database}`.{table.name}",
                column_names=list(rows[0]),
                insert_block=b"\n".join(orjson.dumps(row) for row in rows),
                fmt="JSONEachRow",
                settings={"insert_deduplication_token": token},
            )
        except ClickHouseError as error:
            if getattr(error, "code", None) in _DATA_CODES:
                raise BadBatch(str(error)[:300]) from error
            raise StoreDown(str(error)[:300]) from error
        except OSError as error:
            raise StoreDown(f"{type(error).__name__}: {error}"[:300]) from error

    def count_events(self, table: Table, since: datetime, until: datetime) -> int:
        """Return how many different events the table holds of [since, until) in UTC. Raises StoreDown."""
        from clickhouse_connect.driver.exceptions import ClickHouseError

        edges = f"ts >= '{since:%Y-%m-%d %H:%M:%S}' AND ts < '{until:%Y-%m-%d %H:%M:%S}'"
        days = f"day >= '{since:%Y-%m-%d}' AND day <= '{until:%Y-%m-%d}'"
        query = f"SELECT uniqExact(event_id) FROM `{self._database}`.{table.name} WHERE {days} AND {edges}"  # noqa: S608
        try:
            return int(self._client.query(query).result_rows[0][0])
        except (ClickHouseError, OSError) as error:
            raise StoreDown(str(error)[:300]) from error

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _command(self, sql: str) -> None:
        self._client.command(sql)


def connect() -> ClickHouse:
    """Return a client with the schema in place; raises StoreDown."""
    import clickhouse_connect
    from clickhouse_connect.driver.exceptions import ClickHouseError

    url = urlsplit(settings.clickhouse_url)
    try:
        client = clickhouse_connect.get_client(
            host=url.hostname,
            port=url.port or 8123,
            secure=url.scheme == "https",
            username=unquote(url.username or "default"),
            password=unquote(url.password or ""),
            connect_timeout=_CONNECT_S,
            send_receive_timeout=_ANSWER_S,
            # Batches of one client may overlap a retry; without a session nothing can be "in use".
            autogenerate_session_id=False,
            dedicated_pool=True,
        )
        made = ClickHouse(client, url.path.strip("/") or "casino")
        made.ensure_schema()
    except (ClickHouseError, OSError) as error:
        raise StoreDown(str(error)[:300]) from error
    return made
