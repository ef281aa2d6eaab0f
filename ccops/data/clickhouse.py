"""Compare ClickHouse's tables with the contract's clickhouse.json: engine, partition key, sorting key.

A partition key that is not a function of the event's own time keeps a replayed event from its twin.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from pathlib import Path

from ccops.core.bundle import invalid, mapping, read_json
from ccops.data.model import Check, Offence, Verdict, judged

FILE = "clickhouse.json"
RULE = "Every ClickHouse table has the engine, partition key and sorting key of the contract."
_QUERY = (
    "SELECT name, if(engine_full = '', engine, engine_full), partition_key, sorting_key"
    " FROM system.tables WHERE database = currentDatabase()"
)
_ENGINE = re.compile(r"^(\w+)(\([^)]*\))?")


def read_tables(folder: Path) -> dict[str, Mapping[str, object]]:
    """Return the declared tables. Raises UsageError for a file that declares none."""
    tables = mapping(read_json(folder, FILE).get("tables"))
    if not tables:
        raise invalid(folder, FILE, "it declares no table")
    return {name: mapping(table) for name, table in tables.items()}


async def check_clickhouse(url: str, declared: Mapping[str, Mapping[str, object]], timeout: float) -> Check:
    """Return the check of every declared table. Raises Unreachable when the server does not answer."""
    from clickhouse_connect.driver.exceptions import DatabaseError

    from ccops.clients.clickhouse import open_clickhouse

    begun = time.monotonic()
    async with open_clickhouse(url, timeout=timeout) as client:
        try:
            rows = (await asyncio.to_thread(client.query, _QUERY)).result_rows
        except DatabaseError as error:
            said = f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"
            return Check("clickhouse", RULE, Verdict.NOT_EVALUATED, reason=said)
    live = {
        str(name): {"engine": _engine(str(full)), "partition_key": str(part), "sorting_key": str(order)}
        for name, full, part, order in rows
    }
    offences = tuple(compare(declared, live))
    duration = round((time.monotonic() - begun) * 1000, 1)
    bad = sum(not one.info for one in offences)
    return Check("clickhouse", RULE, judged(offences), bad, offences=offences, duration_ms=duration)


def compare(
    declared: Mapping[str, Mapping[str, object]], live: Mapping[str, Mapping[str, str]]
) -> list[Offence]:
    """Return what is missing or different; a table nobody declared is information."""
    found: list[Offence] = []
    for name, wanted in declared.items():
        if name not in live:
            found.append(Offence("OLAP_TABLE_MISSING", name, f"table {name} is missing"))
            continue
        for word, text in wanted.items():
            got = live[name].get(word, "")
            if _plain(got) != _plain(str(text)):
                said = f"{word.replace('_', ' ')} of {name} is {got!r}, the contract says {text!r}"
                found.append(Offence(f"OLAP_{word.upper()}_DIFFERS", name, said))
    return found + [
        Offence("OLAP_TABLE_EXTRA", name, f"table {name} is not in the contract", True)
        for name in sorted(live.keys() - declared.keys())
    ]


def _engine(full: str) -> str:
    found = _ENGINE.match(full)
    return found[0] if found else full


def _plain(text: str) -> str:
    return re.sub(r"[\s`]", "", text)
