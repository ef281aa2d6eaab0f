"""Look at a profile's data once: invariants and schema in one snapshot of PostgreSQL, ClickHouse if asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ccops.clients.guard import password_of
from ccops.clients.postgres import open_postgres
from ccops.clients.target import target
from ccops.core.bundle import contract_folder
from ccops.core.errors import ExitCode, UsageError
from ccops.core.profile import Profile
from ccops.data import catalogue, clickhouse, schema
from ccops.data.invariants import Invariant, hold, read_invariants
from ccops.data.model import Check, Offence, exit_code, judged

SCHEMA = "schema"
SCHEMA_RULE = "Every declared table, column, constraint, index and trigger is there and in force."


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the caller asked for. `only` names checks (none: all); `timeout_s` bounds each query."""

    only: tuple[str, ...] = ()
    clickhouse: bool = False
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Looked:
    """All checks, and the passwords that no output may show."""

    checks: tuple[Check, ...]
    secrets: tuple[str, ...]

    @property
    def exit_code(self) -> ExitCode:
        return exit_code(self.checks)


def check_data(profile: Profile, wanted: Wanted) -> Looked:
    """Return every check that `wanted` names. It only reads, so a protected profile is fine.

    Raises UsageError for a bundle that can't be read or an unknown name, Unreachable when a server does
    not answer: a check that could not look is never green.
    """
    folder = contract_folder(profile)
    invariants = read_invariants(folder)
    _known(wanted.only, [SCHEMA, *(one.name for one in invariants)])
    secrets = tuple(password_of(profile.get(key)) for key in ("CCOPS_DATABASE_URL", "CCOPS_CLICKHOUSE_URL"))
    return Looked(tuple(asyncio.run(_all(profile, folder, invariants, wanted))), secrets)


def check_invariants(profile: Profile, wanted: Wanted) -> Looked:
    """Return the invariants alone: what money may have broken, not what a migration may have forgotten."""
    names = tuple(one.name for one in read_invariants(contract_folder(profile)))
    return check_data(profile, replace(wanted, only=wanted.only or names))


def _known(only: Sequence[str], names: Sequence[str]) -> None:
    import difflib

    for name in only:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            raise UsageError(
                "CHECK_UNKNOWN",
                f"there is no check {name!r}",
                evidence=f"there are: {', '.join(names)}",
                next_step=f"--only {near[0]}" if near else "",
            )


async def _all(
    profile: Profile, folder: Path, invariants: Sequence[Invariant], wanted: Wanted
) -> list[Check]:
    chosen = [one for one in invariants if not wanted.only or one.name in wanted.only]
    with_schema = not wanted.only or SCHEMA in wanted.only
    declared = schema.read_schema(folder) if with_schema else []
    tables = clickhouse.read_tables(folder) if wanted.clickhouse else {}
    checks = await _postgres(target(profile, "postgres"), chosen, declared, wanted.timeout_s)
    if wanted.clickhouse:
        url = target(profile, "clickhouse")
        checks.append(await clickhouse.check_clickhouse(url, tables, wanted.timeout_s))
    return checks


async def _postgres(
    url: str, invariants: Sequence[Invariant], declared: Sequence[catalogue.Thing], timeout: float
) -> list[Check]:
    async with open_postgres(url, statement_timeout=timeout) as connection:
        # One snapshot for all: two rules must not be judged by two states of a busy system.
        await connection.execute("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        checks = await hold(connection, invariants)
        if declared:
            begun = time.monotonic()
            offences = tuple(schema.compare(declared, await catalogue.live(connection)))
            checks.append(_schema_check(offences, round((time.monotonic() - begun) * 1000, 1)))
        await connection.execute("ROLLBACK")
    return checks


def _schema_check(offences: Sequence[Offence], duration_ms: float) -> Check:
    bad = sum(not one.info for one in offences)
    return Check(
        SCHEMA, SCHEMA_RULE, judged(offences), bad, offences=tuple(offences), duration_ms=duration_ms
    )
