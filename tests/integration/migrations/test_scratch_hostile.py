"""Migrations that write to the terminal, commit by themselves, fail on purpose or go several ways at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from ccops.core.errors import UsageError
from ccops.core.reports.marks import Mark, Severity
from ccops.migrations.database import read_stand, stand_marks
from ccops.migrations.graph import Graph
from ccops.migrations.scratch import look as looking
from ccops.migrations.scratch.look import ScratchCall, Tried, look
from ccops.migrations.scratch.server import Server
from tests.unit.migrations.kit import Tree

pytestmark = pytest.mark.timeout(120)
HEAD = "from alembic import op\nimport sqlalchemy as sa\nimport os\nrevision = {!r}\ndown_revision = {!r}\n"


@pytest.fixture(autouse=True)
def shared(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def one() -> Iterator[Server]:
        yield server

    monkeypatch.setattr(looking, "scratch_server", one)


def write(project: Tree, ident: str, down: object, up: str, back: str = "pass", *, above: str = "") -> Path:
    def body(text: str) -> str:
        return "\n".join(f"    {line}" for line in text.splitlines())

    text = (
        f"{HEAD.format(ident, down)}{above}\ndef upgrade():\n{body(up)}\n\ndef downgrade():\n{body(back)}\n"
    )
    return project.raw(f"{ident}.py", text)


def tried(project: Tree, **call: object) -> Tried:
    return look(project.check(), ScratchCall(**call))  # type: ignore[arg-type]


def base(project: Tree) -> None:
    write(project, "aa", None, 'op.execute("CREATE TABLE users (id int, x int)")', 'op.drop_table("users")')


@pytest.mark.parametrize(
    ("up", "down"),
    [
        ('os.write(1, b"noise\\n")\nos.system("echo more")\nprint("text")', "pass"),
        (
            'try:\n    with op.get_bind().begin_nested():\n        op.execute("SELECT 1/0")\n'
            "except sa.exc.DBAPIError:\n    pass\n"
            'op.execute("ALTER TABLE users ADD y int")',
            'op.drop_column("users", "y")',
        ),
        (
            "with op.get_context().autocommit_block():\n"
            '    op.create_index("i", "users", ["x"], postgresql_concurrently=True)',
            'op.drop_index("i")',
        ),
        ('op.execute("COMMIT")\nop.execute("ALTER TABLE users ADD y int")', 'op.drop_column("users", "y")'),
    ],
)  # fmt: skip
def test_what_a_migration_may_do_beside_its_work_spoils_nothing(project: Tree, up: str, down: str) -> None:
    base(project)
    write(project, "bb", "aa", up, down)

    assert tried(project, last=1).marks == ()


def test_a_fork_that_was_merged_goes_back_one_by_one(project: Tree) -> None:
    base(project)
    for ident in ("bb", "cc"):
        write(
            project,
            ident,
            "aa",
            f'op.execute("CREATE TABLE t{ident} (id int)")',
            f'op.drop_table("t{ident}")',
        )
    write(project, "mm", ("bb", "cc"), "pass")
    write(project, "nn", "mm", 'op.execute("CREATE TABLE tnn (id int)")', 'op.drop_table("tnn")')

    found = tried(project)

    assert found.marks == ()
    assert found.parts["round trip"].startswith("5 of 5")


def test_what_a_revision_depends_on_goes_up_before_it(project: Tree) -> None:
    base(project)
    write(
        project, "bb", "aa", 'op.execute("ALTER TABLE tcc ADD y int")', 'op.drop_column("tcc", "y")',
        above="depends_on = 'cc'\n",
    )  # fmt: skip
    write(project, "cc", "aa", 'op.execute("CREATE TABLE tcc (id int)")', 'op.drop_table("tcc")')
    write(project, "mm", ("bb", "cc"), "pass")

    assert tried(project).marks == ()


def test_where_a_database_stands_keeps_nobody_from_trying(project: Tree) -> None:
    base(project)
    checked = project.check()
    away = Mark("ALEMBIC_DB_BEHIND", "behind", Severity.ERROR, subject="database")

    found = look(replace(checked, marks=(away,)), ScratchCall(last=1))

    assert found.parts["round trip"].startswith("1 of 1")


def test_when_all_is_released_the_newest_is_tried_all_the_same(project: Tree) -> None:
    from ccops.migrations.released import lock_path, new_lock

    base(project)
    write(project, "bb", "aa", 'op.execute("CREATE TABLE tbb (id int)")')
    checked = project.check()
    lock_path(checked.config).write_text(new_lock({}, checked.graph.nodes.values()))

    found = tried(project)

    assert [mark.code for mark in found.marks] == ["ALEMBIC_DOWNGRADE_EMPTY"]
    assert "the newest" in found.parts["round trip"]


def test_a_table_s_partitions_are_rewritten_with_it(project: Tree) -> None:
    write(
        project, "aa", None,
        'op.execute("CREATE TABLE m (id int, x int) PARTITION BY RANGE (id)")\n'
        'op.execute("CREATE TABLE m1 PARTITION OF m FOR VALUES FROM (0) TO (9)")',
        'op.execute("DROP TABLE m")',
    )  # fmt: skip
    write(
        project, "bb", "aa", 'op.execute("ALTER TABLE m ALTER x TYPE bigint")',
        'op.execute("ALTER TABLE m ALTER x TYPE int")',
    )  # fmt: skip

    marks = tried(project, last=1).marks

    assert [mark.code for mark in marks] == ["ALEMBIC_LOCK_REWRITE"]
    assert "public.m1" in marks[0].message


MODELS = """
from sqlalchemy import *
metadata = MetaData()
Table("users", metadata, Column("id", Integer), Column("x", Integer, server_default=text("7")))
Table("letters", metadata, Column("id", Integer, primary_key=True), Column("u", Integer),
    Column("v", Integer), ForeignKeyConstraint(["u"], ["letters.id"]), UniqueConstraint("v"))
"""


def models(project: Tree, text: str) -> None:
    (project.root / "shop_models.py").write_text(text)
    options = project.ini.read_text().replace("prepend_sys_path = %(here)s\n", "")
    project.ini.write_text(f"{options}prepend_sys_path = %(here)s\n")


def test_what_is_known_to_drift_is_called_the_same_the_next_time(project: Tree) -> None:
    base(project)
    write(
        project,
        "bb",
        "aa",
        'op.execute("CREATE TABLE letters (id int PRIMARY KEY, u int, v int)")',
        'op.drop_table("letters")',
    )
    models(project, MODELS)

    def once() -> list[str]:
        marks = tried(project, last=1, metadata="shop_models:metadata").marks
        return sorted(mark.message for mark in marks if mark.code.startswith("ALEMBIC_DRIFT"))

    first = once()
    assert len(first) == 3
    assert not [line for line in first if " at 0x" in line]
    assert once() == first


def test_known_drift_of_one_schema_or_column_is_not_that_of_another(project: Tree) -> None:
    write(
        project,
        "aa",
        None,
        'op.execute("CREATE TABLE t (a int, b int); CREATE INDEX i ON t (a)")',
        'op.drop_table("t")',
    )
    text = "from sqlalchemy import *\nmetadata = MetaData()\n"
    text += "Table('t', metadata, Column('a', Integer), Column('b', Integer), Index('i', {}))\n"
    lines = []
    for columns in ("'b'", "'a', 'b'"):
        models(project, text.format(columns))
        marks = tried(project, last=1, metadata="shop_models:metadata").marks
        lines.append({mark.message for mark in marks if "add_index" in mark.message})

    assert lines[0]
    assert lines[0] != lines[1]


def test_a_baseline_that_is_no_text_is_said(project: Tree) -> None:
    base(project)
    models(project, MODELS)
    (project.root / "alembic" / "drift.baseline").write_bytes(b"\xff\xfe")

    with pytest.raises(UsageError, match="baseline"):
        tried(project, last=1, metadata="shop_models:metadata")


def test_who_ends_a_trial_leaves_no_server_behind(project: Tree, tmp_path: Path) -> None:
    base(project)
    write(project, "bb", "aa", f"open({str(tmp_path / 'here')!r}, 'w').close()\nimport time\ntime.sleep(60)")
    folder = tmp_path / "tmp"
    folder.mkdir()
    environ = {**os.environ, "TMPDIR": str(folder), "CCOPS_HOME": str(tmp_path / "home")}
    argv = [sys.executable, "-m", "ccops", "alembic", "check", "--scratch", "--config", str(project.ini)]
    child = subprocess.Popen(argv, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "here").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert list(folder.glob("ccops-scratch-*"))
        child.send_signal(signal.SIGTERM)
        _, said = child.communicate(timeout=60)
    finally:
        child.kill()
        child.wait()

    assert child.returncode == 130
    assert b"INTERRUPTED" in said
    assert list(folder.glob("ccops-scratch-*")) == []
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(folder) not in found


def test_a_version_table_that_cannot_be_read_or_lies_elsewhere_is_said(server: Server) -> None:
    with server.database() as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE SCHEMA other; CREATE TABLE other.alembic_version (version_num text);"
            'CREATE TABLE "Mixed" (version_num text); INSERT INTO "Mixed" VALUES (\'aa\'), (NULL);'
            "CREATE TABLE wrong (x int); CREATE ROLE ccops_weak LOGIN PASSWORD 'weakpass'"
        )
        try:
            (mark,) = stand_marks(read_stand(url), Graph([]))
            assert mark.next_step.endswith("--version-table other.alembic_version")
            assert read_stand(url, "Mixed").rows == ("aa",)
            parts = urlsplit(url)
            weak = f"postgresql://ccops_weak:weakpass@{parts.hostname}:{parts.port}{parts.path}"
            for address, table in ((url, "wrong"), (weak, "Mixed"), (weak, "other.alembic_version")):
                with pytest.raises(UsageError) as told:
                    read_stand(address, table)
                assert told.value.code == "ALEMBIC_VERSION_TABLE"
                assert "weakpass" not in f"{told.value.message}{told.value.evidence}"
        finally:
            connection.execute("DROP ROLE ccops_weak")
