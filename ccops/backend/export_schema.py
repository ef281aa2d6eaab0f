"""What PostgreSQL and ClickHouse must hold, for the contract: every object by name, as one line of text.

`ccops data check` compares these lines with the live catalogues. Predicates are written as the models say
them; the reader forgives how a server spells them back, not what they mean.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import (
    CheckConstraint,
    Column,
    Constraint,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.sql.elements import ClauseElement

from ccops.backend.models import metadata
from ccops.backend.olap import tables as olap

_DIALECT = PGDialect()  # type: ignore[no-untyped-call]
_FUNCTIONS = Path(__file__).parent / "sql" / "functions"
_TRIGGER = re.compile(r"CREATE (?:OR REPLACE )?(?:CONSTRAINT )?TRIGGER (\w+)\s+(.+?)\s+ON (\w+)", re.S | re.I)
_ENGINE = re.compile(r"ENGINE = (\w+\(.*?\)) PARTITION BY (.+?) ORDER BY \((.+?)\)", re.S)


def postgres() -> dict[str, object]:
    """Return every table with its columns, constraints, indexes and triggers."""
    return {"tables": {table.name: _table(table) for table in metadata.sorted_tables}}


def clickhouse() -> dict[str, object]:
    """Return every table with its engine, partition key and sorting key, spelled as system.tables does."""
    views = {view.name: {"engine": "View", "partition_key": "", "sorting_key": ""} for view in olap.VIEWS}
    return {"tables": {table.name: _olap(table) for table in olap.TABLES} | views}


def _table(table: Table) -> dict[str, object]:
    return {
        "columns": {column.name: _column(column) for column in table.columns},
        "constraints": {_name(item): _constraint(item) for item in table.constraints},
        "indexes": {str(item.name): _index(item) for item in table.indexes},
        "triggers": _triggers().get(table.name, {}),
    }


def _column(column: Column[object]) -> str:
    kind = column.type.compile(dialect=_DIALECT).lower()
    return kind if column.nullable else f"{kind} not null"


def _name(item: Constraint) -> str:
    # The naming convention is applied, and long names are cut, as when the table was made.
    return str(_DIALECT.identifier_preparer.format_constraint(item)).strip('"')


def _constraint(item: Constraint) -> str:
    if isinstance(item, ForeignKeyConstraint):
        targets = ", ".join(key.column.name for key in item.elements)
        return f"foreign key ({_columns(item)}) references {item.referred_table.name} ({targets})"
    if isinstance(item, CheckConstraint):
        return f"check ({_text(item.sqltext)})"
    if isinstance(item, PrimaryKeyConstraint):
        return f"primary key ({_columns(item)})"
    if isinstance(item, UniqueConstraint):
        return f"unique ({_columns(item)})"
    raise TypeError(f"no word for {type(item).__name__}")


def _columns(item: ForeignKeyConstraint | PrimaryKeyConstraint | UniqueConstraint) -> str:
    return ", ".join(column.name for column in item.columns)


def _index(item: Index) -> str:
    keys = ", ".join(_text(key).replace(" DESC", " desc") for key in item.expressions)
    where = item.dialect_options["postgresql"].get("where")
    kind = "unique index" if item.unique else "index"
    return f"{kind} ({keys})" + (f" where ({_text(where)})" if where is not None else "")


def _text(clause: object) -> str:
    assert isinstance(clause, ClauseElement)
    compiler = _DIALECT.ddl_compiler(_DIALECT, None).sql_compiler  # type: ignore[arg-type]
    return str(compiler.process(clause, include_table=False, literal_binds=True))


def _triggers() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for path in sorted(_FUNCTIONS.glob("*.sql")):
        for name, when, table in _TRIGGER.findall(path.read_text(encoding="utf-8")):
            found.setdefault(table, {})[name] = " ".join(when.split()).lower()
    return found


def _olap(table: olap.Table) -> Mapping[str, str]:
    found = _ENGINE.search(table.ddl("any"))
    assert found is not None, f"the DDL of {table.name} has no engine"
    engine, partition, order = (" ".join(text.split()) for text in found.groups())
    return {"engine": engine, "partition_key": partition, "sorting_key": order}
