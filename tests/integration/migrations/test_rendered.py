"""The SQL of a revision as squawk gets it: rendered without env.py, each statement with its line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from ccops.migrations.lint.run import LintCall, lint
from ccops.migrations.lint.squawk import find_squawk, migration_line
from ccops.migrations.scratch import run
from ccops.migrations.scratch.server import Server
from tests.unit.migrations.kit import Tree

UP = """
from alembic import op
import sqlalchemy as sa

revision = "aa"
down_revision = None


def make(table):
    op.add_column(table, sa.Column("x", sa.Integer()))


def upgrade():
    make("users")
    op.execute("ALTER TABLE users ALTER x TYPE bigint")
    op.create_index("i", "users", ["x"])
"""
BOUND = (
    UP.replace('"aa"', '"bb"').replace("= None", '= "aa"').replace('make("users")', "op.get_bind().scalar()")
)


def test_each_statement_comes_with_the_line_that_made_it_and_what_fails_with_its_own(project: Tree) -> None:
    project.raw("aa.py", UP.lstrip())
    project.raw("bb.py", BOUND.lstrip())
    checked = project.check()
    nodes = [checked.graph.nodes[ident] for ident in ("aa", "bb")]

    good, bad = run.rendered(run.Runner(checked.config), nodes)

    sql = str(good["sql"]).splitlines()
    lines = [(int(at), int(line)) for at, line in good["lines"]]  # type: ignore[attr-defined]
    at = {word: next(n for n, text in enumerate(sql) if word in text) for word in ("ADD", "TYPE", "INDEX")}
    assert {word: migration_line(line, lines) for word, line in at.items()} == {
        "ADD": 9, "TYPE": 14, "INDEX": 15,
    }  # fmt: skip
    assert "sql" not in bad
    assert bad["line"] == 13


def test_sql_that_goes_to_the_driver_as_it_is_can_be_rendered(project: Tree) -> None:
    text = UP.replace('make("users")', "op.get_bind().exec_driver_sql(\"SELECT '50 %%';\\n\")")
    project.raw("aa.py", text.lstrip())
    checked = project.check()

    (good,) = run.rendered(run.Runner(checked.config), [checked.graph.nodes["aa"]])

    sql = str(good["sql"]).splitlines()
    lines = [(int(at), int(line)) for at, line in good["lines"]]  # type: ignore[attr-defined]
    assert migration_line(sql.index("SELECT '50 %';"), lines) == 13


@pytest.mark.skipif(find_squawk(Path()) is None, reason="squawk is not installed")
def test_squawk_itself_speaks_of_the_line_of_the_migration(project: Tree) -> None:
    project.raw("aa.py", UP.lstrip())

    linted = lint(LintCall(project.ini), date(2026, 11, 23))

    said = {(mark.line, mark.message.split(": ")[1]) for mark in linted.marks if "SQUAWK" in mark.code}
    assert (15, "require-concurrent-index-creation") in said
    assert linted.parts["squawk"] == "1 of 1 revisions"


def test_a_move_says_each_revision_and_the_line_of_the_one_that_fails(project: Tree, server: Server) -> None:
    for ident, down, back in (("aa", None, "pass"), ("bb", "aa", 'op.execute("DROP TABLE nowhere")')):
        project.raw(
            f"{ident}.py",
            f"from alembic import op\nrevision = {ident!r}\ndown_revision = {down!r}\n\n\n"
            f'def upgrade():\n    op.execute("CREATE TABLE {ident} (a int)")\n\n\n'
            f"def downgrade():\n    {back}\n",
        )
    checked = project.check()
    runner, nodes = run.Runner(checked.config), tuple(checked.graph.nodes.values())
    with server.database() as url:
        up = list(run.move(runner, url, "up", "bb", nodes))
        back_again = list(run.move(runner, url, "down", "aa", nodes))

    assert [answer["revision"] for answer in up] == ["aa", "bb"]
    assert all(float(str(answer["seconds"])) > 0 for answer in up)
    (failed,) = back_again
    assert (failed["failed"], failed["line"]) == ("down", 11)
    assert str(failed["path"]).endswith("bb.py")
    assert "nowhere" in str(failed["error"])
