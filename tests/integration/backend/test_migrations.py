"""The migrations: one head, a way up, down and up again, and nothing that the models do not say."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, pool

from ccops.backend import migrate
from ccops.backend.models import metadata

INI = Path(migrate.__file__).parent / "alembic.ini"
_ALEMBIC = (
    "import sys; from alembic import command; from alembic.config import Config; "
    "getattr(command, sys.argv[2])(Config(sys.argv[1]), sys.argv[3])"
)
# Everything a schema is made of, as text, without names that PostgreSQL numbers.
_SCHEMA = """
SELECT 'column', table_name, column_name, data_type, is_nullable, column_default, identity_generation
  FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', '', ''
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT 'index', tablename, indexname, indexdef, '', '', ''
  FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), '', '', ''
  FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT 'function', proname, oid::regprocedure::text, pg_get_functiondef(oid), '', '', ''
  FROM pg_proc WHERE pronamespace = 'public'::regnamespace
ORDER BY 1, 2, 3, 4
"""


class Scratch:
    """An empty database of its own."""

    def __init__(self, url: str) -> None:
        self.url = url

    def run(self, *argv: str) -> str:
        env = {"PATH": os.environ["PATH"], "DATABASE_URL": self.url, "UNLIMITED_INVITE_CODE": "5858"}
        done = subprocess.run(
            [sys.executable, *argv], env=env, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    def alembic(self, verb: str, revision: str) -> None:
        self.run("-c", _ALEMBIC, str(INI), verb, revision)

    def schema(self) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url) as conn:
            rows = conn.execute(_SCHEMA).fetchall()
        return [row for row in rows if "alembic_version" not in str(row[1])]


@pytest.fixture(scope="module")
def scratch(backend: object) -> Iterator[Scratch]:
    url = backend.load().get("CCOPS_DATABASE_URL")  # type: ignore[attr-defined]
    name = f"scratch_{secrets.token_hex(4)}"
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name}")
        try:
            yield Scratch(f"{url.rpartition('/')[0]}/{name}")
        finally:
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_there_is_exactly_one_head_for_us_and_for_alembic() -> None:
    heads = ScriptDirectory.from_config(Config(str(INI))).get_heads()
    assert migrate.packaged_heads() == heads
    assert len(heads) == 1


def test_up_down_and_up_again_leaves_the_same_schema(scratch: Scratch) -> None:
    scratch.run("-m", "ccops.backend.migrate", "--seed", "demo")
    first = scratch.schema()
    scratch.alembic("downgrade", "base")
    between = scratch.schema()
    scratch.alembic("upgrade", "head")

    assert {row[0] for row in first} == {"column", "constraint", "index", "trigger", "function"}
    assert between == []
    assert scratch.schema() == first


def test_migrating_twice_changes_nothing_and_says_so(scratch: Scratch) -> None:
    scratch.run("-m", "ccops.backend.migrate", "--seed", "demo")
    before = scratch.schema()

    assert "already there" in scratch.run("-m", "ccops.backend.migrate", "--seed", "demo")
    assert scratch.schema() == before


def test_the_migrated_schema_is_what_the_models_say(scratch: Scratch) -> None:
    scratch.run("-m", "ccops.backend.migrate")

    assert _drift(scratch.url) == []


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE wallets ADD COLUMN gems bigint",
        "ALTER TABLE users ALTER COLUMN nickname DROP NOT NULL",
        "DROP INDEX ix_outbox_kafka_position",
        "ALTER TABLE gold_ledger DROP CONSTRAINT uq_gold_ledger_user_id_seq",
    ],
)
def test_a_change_behind_the_models_back_is_noticed(scratch: Scratch, change: str) -> None:
    scratch.run("-m", "ccops.backend.migrate")

    assert _drift(scratch.url, change)


def _drift(url: str, change: str = "") -> list[object]:
    """Compare, after `change` in a transaction that is rolled back."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=pool.NullPool)
    try:
        with engine.connect() as connection:
            if change:
                connection.exec_driver_sql(change)
            options: dict[str, object] = {"compare_type": True, "compare_server_default": True}
            found: Callable[..., list[object]] = compare_metadata
            return found(MigrationContext.configure(connection, opts=options), metadata)
    finally:
        engine.dispose()
