"""What only a real PostgreSQL can tell of a migration: its locks, its way back, what the models lack."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from ccops.core.errors import UsageError
from ccops.core.reports.marks import Mark
from ccops.migrations.scratch import look as looking
from ccops.migrations.scratch.look import ScratchCall, look
from ccops.migrations.scratch.server import Server
from ccops.migrations.scratch.sizes import SCHEMA, measure_sizes, read_sizes, sizes_text
from tests.unit.migrations.kit import Tree

pytestmark = pytest.mark.timeout(120)

BASE = """
    op.execute("CREATE TABLE users (id int PRIMARY KEY, name varchar(32), amount int, note text)")
    op.execute("CREATE TABLE orders (id int PRIMARY KEY, user_id int)")
"""
Try = Callable[..., tuple[Mark, ...]]


@pytest.fixture
def tried(project: Tree, server: Server, monkeypatch: pytest.MonkeyPatch) -> Try:
    """Try `up` as the second revision of a project whose first makes users and orders."""

    @contextmanager
    def shared() -> Iterator[Server]:
        yield server

    monkeypatch.setattr(looking, "scratch_server", shared)

    def run(up: str, down: str = "pass", **call: object) -> tuple[Mark, ...]:
        _file(project, "aa", None, BASE, 'op.execute("DROP TABLE orders"); op.execute("DROP TABLE users")')
        _file(project, "bb", "aa", up, down)
        return look(project.check(), ScratchCall(last=1, **call)).marks  # type: ignore[arg-type]

    return run


def _file(project: Tree, ident: str, down: str | None, up: str, back: str) -> Path:
    body = f"def upgrade():\n    {up.strip()}\n\n\ndef downgrade():\n    {back}\n"
    head = f"revision = {ident!r}\ndown_revision = {down!r}\n"
    return project.raw(f"{ident}.py", f"from alembic import op\nimport sqlalchemy as sa\n\n{head}\n\n{body}")


STATEMENTS = [
    ("ALTER TABLE users ALTER name TYPE varchar(64)", set()),
    ("ALTER TABLE users ALTER name TYPE text", set()),
    ("ALTER TABLE users ALTER amount TYPE bigint", {"ALEMBIC_LOCK_REWRITE"}),
    ("ALTER TABLE users ADD COLUMN kind text NOT NULL DEFAULT 'x'", set()),
    ("ALTER TABLE users ADD COLUMN key uuid DEFAULT gen_random_uuid()", {"ALEMBIC_LOCK_REWRITE"}),
    ("ALTER TABLE users ALTER note SET NOT NULL", {"ALEMBIC_LOCK_SCAN"}),
    (
        "ALTER TABLE orders ADD CONSTRAINT f FOREIGN KEY (user_id) REFERENCES users",
        {"ALEMBIC_LOCK_FOREIGN_KEY"},
    ),
    ("ALTER TABLE orders ADD CONSTRAINT g FOREIGN KEY (user_id) REFERENCES users NOT VALID", set()),
    ("CREATE TABLE items (id int PRIMARY KEY, user_id int REFERENCES users)", set()),
    ("CREATE INDEX i ON users (name)", {"ALEMBIC_LOCK_INDEX"}),
    ("ALTER TABLE users RENAME amount TO gold", set()),
    # What a revision made itself, nobody waits for.
    ("CREATE TABLE n (a int); ALTER TABLE n ALTER a TYPE bigint", set()),
]


@pytest.mark.usefixtures("tried")
def test_locks_are_measured_and_only_those_that_grow_with_the_table_are_findings(project: Tree) -> None:
    _file(project, "aa", None, BASE, "pass")
    before = "aa"
    for number, (statement, _) in enumerate(STATEMENTS):
        calls = "; ".join(f'op.execute("{part}")' for part in statement.split("; "))
        _file(project, f"r{number:02}", before, calls, 'raise NotImplementedError("one way")')
        before = f"r{number:02}"
    concurrent = 'op.execute("CREATE INDEX CONCURRENTLY j ON users (name)")'
    _file(project, "zz", before, f"with op.get_context().autocommit_block(): {concurrent}", "pass")

    marks = [mark for mark in look(project.check(), ScratchCall(last=13)).marks if "LOCK" in mark.code]

    found = {f"r{number:02}": codes for number, (_, codes) in enumerate(STATEMENTS)} | {"zz": set()}
    assert {ident: {mark.code for mark in marks if mark.subject == ident} for ident in found} == found
    assert all(mark.line == 9 for mark in marks)


def test_both_tables_of_a_foreign_key_are_named(tried: Try) -> None:
    marks = tried('op.create_foreign_key("f", "orders", "users", ["user_id"], ["id"])')

    said = " ".join(mark.message for mark in marks if mark.code == "ALEMBIC_LOCK_FOREIGN_KEY")
    assert "public.orders" in said
    assert "public.users" in said


def test_sizes_give_a_range_with_its_basis(tried: Try, tmp_path: Path) -> None:
    path = tmp_path / "sizes.json"
    tables = {"public.users": {"rows": 50_000_000, "bytes": 10 * 2**30}}
    path.write_text(json.dumps({"schema": SCHEMA, "tables": tables}))

    (mark,) = [
        one for one in tried('op.alter_column("users", "amount", type_=sa.BigInteger())', sizes=path)
        if one.code == "ALEMBIC_LOCK_REWRITE"
    ]  # fmt: skip

    assert "50,000,000 rows, 10,240 MiB at" in mark.detail
    assert " s to " in mark.detail


@pytest.mark.parametrize(
    ("up", "down", "code"),
    [
        ('op.add_column("users", sa.Column("x", sa.Integer()))', 'op.drop_column("users", "x")', None),
        ('op.add_column("users", sa.Column("x", sa.Integer()))', "pass", "ALEMBIC_DOWNGRADE_EMPTY"),
        (
            'op.execute("ALTER TABLE users ADD x int, ADD y int")', 'op.drop_column("users", "x")',
            "ALEMBIC_DOWNGRADE_DIFFERS",
        ),
        (
            'op.drop_column("users", "note")', 'op.add_column("users", sa.Column("note", sa.String(9)))',
            "ALEMBIC_DOWNGRADE_DIFFERS",
        ),
        ('op.drop_column("users", "note")', 'raise NotImplementedError("gone")', "ALEMBIC_IRREVERSIBLE"),
        ('op.execute("SELECT 1")', 'op.execute("DROP TABLE nowhere")', "ALEMBIC_DOWNGRADE_FAILS"),
        ('op.execute("SELECT 1")', "pass", None),
        ('op.execute("ALTER TABLE nowhere ADD x int")', "pass", "ALEMBIC_UPGRADE_FAILS"),
        ('op.execute("CREATE SEQUENCE s")', "pass", "ALEMBIC_DOWNGRADE_EMPTY"),
    ],
)  # fmt: skip
def test_the_way_back_is_walked(tried: Try, up: str, down: str, code: str | None) -> None:
    codes = {mark.code for mark in tried(up, down)}

    assert codes == ({code} if code else set())


def test_drift_is_a_ratchet(tried: Try, project: Tree) -> None:
    (project.root / "shop_models.py").write_text(
        "import sqlalchemy as sa\nmetadata = sa.MetaData()\n"
        "sa.Table('users', metadata, sa.Column('id', sa.Integer, primary_key=True, autoincrement=False),\n"
        "  sa.Column('name', sa.String(32)), sa.Column('amount', sa.Integer),\n"
        "  sa.Column('extra', sa.Integer))\n"
        "sa.Table('orders', metadata, sa.Column('id', sa.Integer, primary_key=True, autoincrement=False),\n"
        "  sa.Column('user_id', sa.Integer))\n"
    )
    project.ini.write_text(project.ini.read_text() + "prepend_sys_path = %(here)s\n")
    baseline = project.root / "alembic" / "drift.baseline"

    def drift() -> set[str]:
        marks = tried('op.execute("SELECT 1")', metadata="shop_models:metadata")
        return {f"{mark.code} {mark.message.partition(':')[0]}" for mark in marks}

    assert drift() == {
        "ALEMBIC_DRIFT add_column users users.extra",
        "ALEMBIC_DRIFT_DESTRUCTIVE remove_column users users.note",
    }  # fmt: skip
    baseline.write_text("# known\nremove_column users users.note\nadd_table gone\n")
    assert drift() == {"ALEMBIC_DRIFT add_column users users.extra", "ALEMBIC_DRIFT_GONE add_table gone"}


def test_models_that_can_not_be_imported_are_a_usage_error(tried: Try) -> None:
    with pytest.raises(UsageError) as error:
        tried('op.execute("SELECT 1")', metadata="nowhere:metadata")
    assert "nowhere" in error.value.evidence


def test_a_graph_with_errors_is_not_tried_out(project: Tree) -> None:
    project.add("aa", "zz")

    tried = look(project.check(), ScratchCall())

    assert tried.marks == ()
    assert "nothing was tried out" in tried.parts["scratch"]


def test_the_migrations_of_the_bundled_backend_leave_no_trace_and_no_drift(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ccops.cli.alembicview import _BUNDLED
    from ccops.migrations.check import Wanted, check
    from ccops.migrations.scratch.look import BUNDLED_METADATA, BUNDLED_SETTINGS

    @contextmanager
    def shared() -> Iterator[Server]:
        yield server

    monkeypatch.setattr(looking, "scratch_server", shared)
    call = ScratchCall(last=3, metadata=BUNDLED_METADATA, settings=BUNDLED_SETTINGS)
    tried = look(check(Wanted(_BUNDLED)), call)

    assert [mark for mark in tried.marks if mark.severity == "error"] == []
    assert tried.parts["drift"].startswith("0 differences")


def test_scratch_databases_are_gone_afterwards_and_sizes_can_be_read_back(
    server: Server, tmp_path: Path
) -> None:
    with server.database() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE t AS SELECT generate_series(1, 1000) AS n")
            connection.execute("ANALYZE t")
        sizes = measure_sizes(url)
    path = tmp_path / "sizes.json"
    path.write_text(sizes_text(sizes))

    assert read_sizes(path) == sizes
    assert sizes["public.t"].rows == 1000
    with psycopg.connect(server.url) as connection:
        rows = connection.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE 'ccops_scratch%'"
        ).fetchall()
    assert rows == []
