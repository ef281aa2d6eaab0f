"""What one step of a migration does, whether it was written as an operation or as SQL."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

UNKNOWN = "?"


class Does(StrEnum):
    """The kinds of steps that are told apart."""

    CREATE_TABLE = "creates"
    ENSURE_TABLE = "creates, where it is missing,"
    CREATE_OBJECT = "makes"
    DROP_TABLE = "drops the table"
    DROP_COLUMN = "drops the column"
    DROP_OBJECT = "drops"
    RENAME = "renames"
    RETYPE = "changes the type of"
    NOT_NULL = "sets NOT NULL on"
    ADD_COLUMN = "adds the column"
    ADD_REQUIRED = "adds the required column"
    TRUNCATE = "empties"
    WRITE_ALL = "writes every row of"
    LOCK = "locks"  # ACCESS EXCLUSIVE, and nothing is lost
    TOUCH = "touches"  # a weaker lock
    CONCURRENT = "works concurrently on"
    SKIPS_INVALID = "takes an index for done"
    TIMEOUT = "sets lock_timeout"
    COMPUTED = "runs computed SQL"


# What waits for every reader and lets every later one wait.
EXCLUSIVE = frozenset(
    {
        Does.DROP_TABLE, Does.DROP_COLUMN, Does.RENAME, Does.RETYPE, Does.NOT_NULL, Does.ADD_REQUIRED,
        Does.ADD_COLUMN, Does.TRUNCATE, Does.LOCK,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Action:
    """One step. `table` is without quotes and schema `public`, "?" when it is computed.

    name        the column, or the object that is no table
    sql         the statement, short; "" for an operation
    autocommit  it runs in an autocommit block, outside of the migration's transaction
    """

    does: Does
    table: str = UNKNOWN
    name: str = ""
    line: int = 0
    sql: str = ""
    autocommit: bool = False

    def at(self, line: int, *, autocommit: bool) -> Action:
        """Return the step as one at `line` of the migration."""
        return replace(self, line=line, autocommit=autocommit)

    @property
    def what(self) -> str:
        """Return what it is about, for people."""
        return f"{self.table}.{self.name}" if self.name and self.table != UNKNOWN else self.name or self.table
