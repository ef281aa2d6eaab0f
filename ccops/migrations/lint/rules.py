"""Which steps of a migration are findings, and what to do instead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ccops.core.reports.marks import Mark, Severity
from ccops.migrations.lint.action import EXCLUSIVE, UNKNOWN, Action, Does
from ccops.migrations.revision import Revision

PLAN = """the plan, in as many releases as it has steps:
  1 expand    add the new column or table beside the old one; a trigger writes both
  2 backfill  fill it in batches of their own transactions
  3 verify    count the rows that differ: 0
  4 swap      read the new one; the old one stays, still written
  5 contract  remove the old one in a later release, in a revision with
              # ccops: contract-of=REVISION_OF_STEP_1"""


@dataclass(frozen=True, slots=True)
class Rule:
    """What makes a step a finding. `planned` ones are fine as the last step of a plan."""

    code: str
    why: str
    planned: bool = True
    step: str = ""


_RULES = {
    Does.DROP_TABLE: Rule("ALEMBIC_DROP_TABLE", "its rows are lost, and code that runs now reads it"),
    Does.DROP_COLUMN: Rule("ALEMBIC_DROP_COLUMN", "its values are lost, and code that runs now reads it"),
    Does.DROP_OBJECT: Rule("ALEMBIC_DROP_OBJECT", "the code that runs now may use it"),
    Does.RENAME: Rule("ALEMBIC_RENAME", "the code that runs now knows the old name only"),
    Does.RETYPE: Rule(
        "ALEMBIC_RETYPE", "values may not fit, the table may be rewritten, and code reads the old type",
        step="ccops alembic check --scratch measures whether it is rewritten; else the plan",
    ),
    Does.NOT_NULL: Rule(
        "ALEMBIC_SET_NOT_NULL", "the code that runs now may write NULL, and the whole table is read",
        step="ADD CONSTRAINT .. CHECK (x IS NOT NULL) NOT VALID, VALIDATE, and SET NOT NULL a release later",
    ),
    Does.ADD_REQUIRED: Rule(
        "ALEMBIC_ADD_REQUIRED", "it fails where there are rows, and the code that runs now does not fill it",
        planned=False, step="nullable=True, or a server_default that is a constant",
    ),
    Does.TRUNCATE: Rule(
        "ALEMBIC_TRUNCATE", "all rows are lost", planned=False,
        step="delete in batches, of a copy that was kept; or allow it with the reason",
    ),
    Does.WRITE_ALL: Rule(
        "ALEMBIC_WRITE_ALL", "no WHERE holds it: every row is locked until the migration ends", planned=False,
        step="WHERE .. in batches, each in a transaction of its own",
    ),
    Does.SKIPS_INVALID: Rule(
        "ALEMBIC_INDEX_LEFTOVER", "IF NOT EXISTS takes the INVALID index of a broken try for a good one",
        planned=False, step="DROP INDEX CONCURRENTLY IF EXISTS first, then create it without IF NOT EXISTS",
    ),
    Does.COMPUTED: Rule(
        "ALEMBIC_SQL_COMPUTED", "what runs can't be known without running it", planned=False,
        step="ccops alembic check --scratch sees every statement; allow it here with the reason",
    ),
}  # fmt: skip
_WARNINGS = frozenset({Does.COMPUTED, Does.SKIPS_INVALID})
# What a contract step may be; the others have another way out.
PLANNED = frozenset(rule.code for rule in _RULES.values() if rule.planned)


@dataclass(frozen=True, slots=True)
class Found:
    """A finding and the step it is about."""

    mark: Mark
    action: Action


def findings(node: Revision, actions: Sequence[Action], file: str, *, timeout_set: bool) -> list[Found]:
    """Return the findings of one revision; `timeout_set` when env.py sets lock_timeout already."""
    mine: set[str] = set()
    again = {one.name for one in actions if one.does is Does.CREATE_OBJECT}
    found: list[Found] = []
    others: list[Action] = []
    for one in actions:
        if one.does is Does.CREATE_TABLE and one.table != UNKNOWN:
            mine.add(one.table)  # from here on: what was dropped before it was somebody's
        if one.table in mine or (one.does is Does.DROP_OBJECT and one.name in again):
            continue  # nobody uses yet what this revision makes, and what it makes again stays
        others.append(one)
        if one.does in _RULES:
            found.append(Found(_mark(node, one, _RULES[one.does], file), one))
        elif one.does is Does.CONCURRENT and not one.autocommit:
            found.append(Found(_concurrent(node, one, file), one))
    found += _timeout(node, others, file, timeout_set=timeout_set)
    return list(_once(found))


def _mark(node: Revision, one: Action, rule: Rule, file: str) -> Mark:
    detail = "\n".join(part for part in (one.sql, rule.why, PLAN if rule.planned else "") if part)
    what = f" {one.what}" if one.what != UNKNOWN else ""
    return Mark(
        rule.code, f"{node.id}: {one.does}{what}",
        Severity.WARNING if one.does in _WARNINGS else Severity.ERROR,
        file=file, line=one.line, subject=node.id, detail=detail,
        next_step=rule.step or "follow the plan, or allow it: # ccops: allow=CODE reason=.. until=..",
    )  # fmt: skip


def _concurrent(node: Revision, one: Action, file: str) -> Mark:
    return Mark(
        "ALEMBIC_CONCURRENT", f"{node.id}: {one.does} {one.what} inside a transaction",
        file=file, line=one.line, subject=node.id,
        detail=f"{one.sql}\nPostgreSQL refuses CONCURRENTLY in a transaction".lstrip(),
        next_step="with op.get_context().autocommit_block(): around it, in a revision of its own",
    )  # fmt: skip


def _timeout(node: Revision, actions: Sequence[Action], file: str, *, timeout_set: bool) -> Iterator[Found]:
    """Say once where the first ACCESS EXCLUSIVE lock has no lock_timeout before it."""
    for one in actions:
        if one.does is Does.TIMEOUT or timeout_set:
            return
        if one.does in EXCLUSIVE:
            mark = Mark(
                "ALEMBIC_LOCK_TIMEOUT", f"{node.id}: locks {one.what} with no lock_timeout", Severity.INFO,
                file=file, line=one.line, subject=node.id,
                detail="while it waits behind one long reader, everybody else waits behind it",
                next_step="op.execute(\"SET LOCAL lock_timeout = '5s'\") first, and try again when it fails",
            )  # fmt: skip
            yield Found(mark, one)
            return


def _once(found: Sequence[Found]) -> Iterator[Found]:
    seen: set[tuple[str, int, str]] = set()
    for one in found:
        key = (one.mark.code, one.mark.line, one.mark.message)
        if key not in seen:
            seen.add(key)
            yield one
