"""What hides a destructive step from a reader of source: each is found or said, never green."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from ccops.core.reports.marks import Severity
from ccops.migrations.lint import run as running
from ccops.migrations.lint.run import LintCall, Linted, lint
from ccops.migrations.released import lock_path, new_lock
from tests.unit.migrations.kit import Tree, tree

DAY = date(2026, 11, 23)
HEAD = "from alembic import op\nimport sqlalchemy as sa\nrevision = {!r}\ndown_revision = {!r}\n"


@pytest.fixture(autouse=True)
def no_squawk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "find_squawk", lambda folder: None)


@pytest.fixture
def project(tmp_path: Path) -> Tree:
    """A project whose `aa` made two tables and is released."""
    made = tree(tmp_path / "project")
    write(made, "aa", None, 'op.create_table("users"); op.create_table("orders")')
    hold(made)
    return made


def write(project: Tree, ident: str, down: str | None, up: str, *, above: str = "") -> Path:
    body = "\n".join(f"    {line}" for line in up.splitlines())
    return project.raw(f"{ident}.py", f"{HEAD.format(ident, down)}{above}\ndef upgrade():\n{body}\n")


def hold(project: Tree) -> None:
    checked = project.check()
    lock_path(checked.config).write_text(new_lock({}, checked.graph.nodes.values()))


def linted(project: Tree, **call: object) -> Linted:
    return lint(LintCall(project.ini, **call), DAY)  # type: ignore[arg-type]


def codes(found: Linted) -> list[str]:
    return [mark.code.removeprefix("ALEMBIC_") for mark in found.open if mark.severity is not Severity.INFO]


DROP = '"DROP TABLE users"'
COMPUTED, DROPPED = ["SQL_COMPUTED"], ["DROP_TABLE"]


@pytest.mark.parametrize(
    ("up", "expected"),
    [
        # values that change on the way
        ('sql = "DROP "\nsql += "TABLE users"\nop.execute(sql)', DROPPED),
        ('sql = "SELECT 1"\nif x:\n    sql = "DROP TABLE users"\nop.execute(sql)', COMPUTED),
        ('if x:\n    sql = "DROP TABLE users"\nelse:\n    sql = "SELECT 1"\nop.execute(sql)', COMPUTED),
        (
            'sql = "SELECT 1"\ntry:\n    sql = "DROP TABLE users"\nfinally:\n    pass\nop.execute(sql)',
            DROPPED,
        ),
        (
            'sql = "SELECT 1"\ntry:\n    sql = "DROP TABLE users"\nexcept E:\n    pass\nop.execute(sql)',
            COMPUTED,
        ),
        ('sql = "SELECT 1"\nwhile x:\n    op.execute(sql)\n    sql = "DROP TABLE users"', COMPUTED),
        ('sql = "SELECT 1"\nfor y in z:\n    op.execute(sql)\n    sql = "DROP TABLE users"', COMPUTED),
        (f'sql = "SELECT 1"\nif (sql := {DROP}):\n    op.execute(sql)', DROPPED),
        (f"for s in (todo := [{DROP}]):\n    op.execute(s)", DROPPED),
        (f"todo = []\ntodo.append({DROP})\nfor s in todo:\n    op.execute(s)", COMPUTED),
        (f"todo = {{}}\ntodo['x'] = {DROP}\nfor s in todo.values():\n    op.execute(s)", COMPUTED),
        (f"todo = []\ntodo += [{DROP}]\nfor s in todo:\n    op.execute(s)", DROPPED),
        (f"todo = []\nmore = todo\nmore.append({DROP})\nfor s in todo:\n    op.execute(s)", COMPUTED),
        (
            'match x:\n    case 1:\n        sql = "DROP x"\n    case _:\n        sql = ""\nop.execute(sql)',
            COMPUTED,
        ),
        # holes where the verb is
        ('op.execute(f"{verb} TABLE users")', COMPUTED),
        ('op.execute("{} TABLE users".format("DROP"))', COMPUTED),
        ('op.execute("SELECT 1; %s TABLE users" % verb)', COMPUTED),
        ('op.execute(f"DROP {sort} users")', COMPUTED),
        ('op.execute(f"ALTER TABLE users {what}")', COMPUTED),
        ('op.execute(f"ALTER TABLE users ADD x int, {what}")', COMPUTED),
        ("op.execute(\"UPDATE users SET j = '{{' WHERE id = 1; DROP TABLE {}\".format('users'))", DROPPED),
        # calls
        ('o = op\no.drop_table("users")', DROPPED),
        ('drop = op.drop_table\ndrop("users")', COMPUTED),
        ('sa.Table("users", sa.MetaData()).drop(op.get_bind())', COMPUTED),
        ("sa.MetaData().drop_all(op.get_bind())", COMPUTED),
        ("session.query(User).delete()", ["WRITE_ALL"]),
        ("session.query(User).filter(User.id == 1).delete()", []),
        ('op.get_bind().connection.cursor().executemany("DELETE FROM users", [])', ["WRITE_ALL"]),
        # several steps
        ('op.drop_table("users")\nop.create_table("users")', DROPPED),
        ('op.create_table("fresh")\nop.drop_table("fresh")', []),
        ('op.execute("CREATE TABLE IF NOT EXISTS users (id int)")\nop.drop_table("users")', DROPPED),
        ('op.create_table("users", if_not_exists=True)\nop.drop_table("users")', DROPPED),
        ('op.execute("DROP SCHEMA x CASCADE; CREATE SCHEMA x")', ["DROP_OBJECT"]),
        ('op.execute("DROP VIEW x; CREATE VIEW x AS SELECT 1")', []),
        # statements
        ("op.execute(\"ALTER TYPE mood RENAME VALUE 'a' TO 'b'\")", ["RENAME"]),
        ('op.execute("ALTER TYPE mood RENAME TO feeling")', ["RENAME"]),
        ('op.execute("ALTER FUNCTION f() RENAME TO g")', ["RENAME"]),
        ('op.execute("ALTER VIEW v SET SCHEMA other")', ["RENAME"]),
        ("op.execute(\"ALTER TYPE mood ADD VALUE 'c'\")", []),
        ('op.execute("ALTER INDEX i RENAME TO j")', []),
        ('op.execute("DROP PUBLICATION p")', ["DROP_OBJECT"]),
        ('op.execute("DROP ROLE reader")', ["DROP_OBJECT"]),
        (
            'op.execute("DO $$ BEGIN UPDATE users SET a = CASE WHEN b THEN 1 ELSE 2 END; END $$")',
            ["WRITE_ALL"],
        ),
        ('op.execute("DO $$ BEGIN IF x THEN DROP TABLE users; END IF; END $$")', DROPPED),
    ],
)
def test_no_detour_makes_it_green(project: Tree, up: str, expected: list[str]) -> None:
    write(project, "bb", "aa", up)

    assert codes(linted(project)) == expected


@pytest.mark.parametrize(
    ("above", "up", "expected"),
    [
        ("def run(a, /, sql):\n    op.execute(sql)\n", f'run("SELECT 1", {DROP})', DROPPED),
        ('def run(a, sql="SELECT 1"):\n    op.execute(sql)\n', f'run(*("x", {DROP}))', COMPUTED),
        ('def run(sql="SELECT 1"):\n    op.execute(sql)\n', f'run(**{{"sql": {DROP}}})', COMPUTED),
        ('class Plan:\n    def run(self):\n        op.drop_table("users")\n', "Plan().run()", COMPUTED),
        ('SQL = "SELECT 1"\nif True:\n    SQL = "DROP TABLE users"\n', "op.execute(SQL)", COMPUTED),
        ('SQL = "DROP "\nSQL += "TABLE users"\n', "op.execute(SQL)", DROPPED),
        ("TODO = []\nTODO.append('DROP TABLE users')\n", "for s in TODO:\n    op.execute(s)", COMPUTED),
        ("def a(n):\n    a(n)\n    op.drop_table('users')\n", "a(1)", DROPPED),
        (
            "".join(f"def f{n}():\n    f{n + 1}()\n" for n in range(9))
            + "def f9():\n    op.drop_table('x')\n",
            "f0()",
            COMPUTED,
        ),
        (
            "def fill(into):\n    into.append('DROP TABLE users')\n",
            "t = []\nfill(t)\nfor s in t:\n    op.execute(s)",
            COMPUTED,
        ),
        ("def each(f):\n    f('users')\n", "each(op.drop_table)", COMPUTED),
        ("def each(o):\n    o.drop_table('users')\n", "each(op)", DROPPED),
        ("o = op\n", 'o.drop_table("users")', DROPPED),
    ],
)
def test_nor_does_what_stands_above_it(project: Tree, above: str, up: str, expected: list[str]) -> None:
    write(project, "bb", "aa", up, above=above)

    assert sorted(codes(linted(project))) == expected


def test_a_file_in_another_encoding_is_read_in_it(project: Tree) -> None:
    text = HEAD.format("bb", "aa") + "# é\ndef upgrade():\n    op.drop_table('users')\n"
    project.raw("bb.py", f"# -*- coding: latin-1 -*-\n{text}".encode("latin-1"))

    assert codes(linted(project)) == DROPPED


def test_a_file_that_is_too_deep_to_be_judged_is_said(project: Tree) -> None:
    text = "op.execute(" + " + ".join(['"DROP TABLE users;"'] * 400) + ")"
    write(project, "bb", "aa", text)
    assert codes(linted(project)) in (DROPPED, COMPUTED)
    write(project, "bb", "aa", "x" + ".y" * 700 + "(" * 60 + ")" * 60)
    assert codes(linted(project)) in (COMPUTED, ["SYNTAX"])


def test_of_many_revisions_a_broken_new_one_is_an_error(
    project: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ccops.migrations import scan as scanning

    monkeypatch.setattr(scanning, "PARSE_ALL", 0)
    monkeypatch.setattr("ccops.migrations.check._PARSE_NEWEST", 0)
    write(project, "bb", "aa", "op.drop_table('users'")

    assert linted(project).failed
    assert codes(linted(project)) == ["SYNTAX"]


def test_a_revision_that_was_edited_since_the_reference_is_looked_at(project: Tree) -> None:
    write(project, "bb", "aa", 'op.execute("SELECT 1")')
    project.git("init", "-q", "-b", "main")
    project.commit()
    assert codes(linted(project, since="main")) == []
    write(project, "bb", "aa", 'op.drop_table("users")')

    assert codes(linted(project, since="main")) == DROPPED


def test_who_releases_in_the_same_branch_is_looked_at_all_the_same(project: Tree) -> None:
    project.git("init", "-q", "-b", "main")
    project.commit()
    project.git("update-ref", "refs/remotes/origin/main", "HEAD")
    write(project, "bb", "aa", 'op.add_column("users", sa.Column("b", sa.Integer()))')
    write(project, "cc", "bb", 'op.drop_column("users", "a")', above="# ccops: contract-of=bb\n")
    hold(project)

    found = linted(project)

    assert sorted(codes(found)) == ["CONTRACT_OF", "DROP_COLUMN"]
    assert "this branch" in found.parts["revisions"]
    project.commit()
    project.git("update-ref", "refs/remotes/origin/main", "HEAD")
    assert codes(linted(project)) == []


@pytest.mark.parametrize(
    ("expand", "between", "covered"),
    [
        ('op.create_table("letters")', "pass", False),
        ("op.execute(\"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'\")", "pass", False),
        ('op.create_table("people")', 'op.execute("INSERT INTO people SELECT * FROM users")', True),
        ('op.execute("CREATE VIEW people AS SELECT * FROM users")', "pass", True),
        ('op.create_table("people")', '"""Fill it from users."""', False),
    ],
)
def test_another_place_counts_when_something_of_the_plan_names_the_table(
    project: Tree, expand: str, between: str, covered: bool
) -> None:
    write(project, "bb", "aa", expand)
    write(project, "cc", "bb", between)
    hold(project)
    write(project, "dd", "cc", 'op.drop_table("users")', above="# ccops: contract-of=bb\n")

    assert (codes(linted(project)) == []) is covered


def test_a_comment_that_allows_what_no_finding_is_called_is_said(project: Tree) -> None:
    write(project, "bb", "aa", "op.drop_table('users')  # ccops: allow=ALEMBIC_DROPTABLE reason=old")

    assert sorted(codes(linted(project))) == ["ALLOW_UNUSED", "DROP_TABLE"]


def test_what_a_docstring_says_of_plans_and_comments_is_no_plan_and_no_comment(project: Tree) -> None:
    write(project, "bb", "aa", 'op.add_column("users", sa.Column("b", sa.Integer()))')
    hold(project)
    above = '"""Write it so:\n# ccops: contract-of=bb\n"""\n'
    write(project, "cc", "bb", 'op.drop_column("users", "a")', above=above)

    assert codes(linted(project)) == ["DROP_COLUMN"]


LOOP = f"({'1, ' * 40})"


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "up",
    [
        f"s = 'ab'\nfor i in {LOOP}:\n    s += s\nop.execute(s)",
        f"s = ('ab',)\nfor i in {LOOP}:\n    s = s + s\nfor t in s:\n    op.execute(t)",
        f"for a in {LOOP}:\n    for b in {LOOP}:\n        for c in {LOOP}:\n            op.execute('X')",
        "def f():\n" + "    f()\n" * 30 + "f()",
    ],
)
def test_what_multiplies_ends_and_is_said(project: Tree, up: str) -> None:
    write(project, "bb", "aa", up)

    assert codes(linted(project)) == COMPUTED
