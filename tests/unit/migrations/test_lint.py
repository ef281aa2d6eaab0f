"""The linter of migrations: every finding with a near-miss that passes; nothing of a migration runs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from ccops.__main__ import main
from ccops.core.errors import UsageError
from ccops.core.reports.marks import Severity
from ccops.migrations.codes import CODES
from ccops.migrations.lint import run as running
from ccops.migrations.lint.run import LintCall, Linted, lint
from ccops.migrations.lint.squawk import Squawk, find_squawk, migration_line, squawk_marks
from ccops.migrations.released import lock_path, new_lock
from ccops.migrations.revision import Revision
from tests.unit.migrations.kit import HARM, Tree

DAY = date(2026, 11, 23)
HEAD = "from alembic import op\nimport sqlalchemy as sa\n\nrevision = {!r}\ndown_revision = {!r}\n\n"
# A revision whose only action is not worth a finding.
QUIET = 'op.execute("SELECT 1")'
FIRST = 9  # the line of the first statement of upgrade()


@pytest.fixture(autouse=True)
def no_squawk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "find_squawk", lambda folder: None)


@pytest.fixture
def project(tmp_path: Path) -> Tree:
    from tests.unit.migrations.kit import tree

    made = tree(tmp_path / "project")
    _write(made, "aa", None, 'op.create_table("users"); op.create_table("orders")')
    _release(made)
    return made


def _write(project: Tree, ident: str, down: str | None, up: str, *, above: str = "") -> Path:
    body = "\n".join(f"    {line}" for line in up.splitlines())
    text = (
        HEAD.format(ident, down) + f"\ndef upgrade():\n{body}\n\n\ndef downgrade():\n    op.drop_table('x')\n"
    )
    return project.raw(f"{ident}.py", above + text + f"\n\nif revision is None:\n    {HARM}")


def _release(project: Tree) -> None:
    checked = project.check()
    lock_path(checked.config).write_text(new_lock({}, checked.graph.nodes.values()))


def _lint(project: Tree, **call: object) -> Linted:
    return lint(LintCall(project.ini, **call), DAY)  # type: ignore[arg-type]


Codes = Callable[..., list[str]]


@pytest.fixture
def codes(project: Tree) -> Codes:
    """Return the open codes, notes left out, of a second revision that does `up`."""

    def run(up: str, **more: str) -> list[str]:
        _write(project, "bb", "aa", up, **more)
        found = [mark for mark in _lint(project).open if mark.severity is not Severity.INFO]
        assert {mark.code for mark in found} <= set(CODES)
        return [mark.code.removeprefix("ALEMBIC_") for mark in found]

    return run


@pytest.mark.parametrize(
    ("up", "expected"),
    [
        ('op.drop_table("users")', "DROP_TABLE"),
        ('op.create_table("new")\nop.drop_table("new")', ""),
        ('op.drop_column("users", "x")', "DROP_COLUMN"),
        ('op.drop_index("i", "users")', ""),
        ('op.drop_constraint("c", "users")', ""),
        ('op.rename_table("users", "people")', "RENAME"),
        ('op.alter_column("users", "x", new_column_name="y")', "RENAME"),
        ('op.alter_column("users", "x", type_=sa.BigInteger())', "RETYPE"),
        ('op.alter_column("users", "x", existing_type=sa.Integer(), type_=sa.BigInteger())', "RETYPE"),
        ('op.alter_column("users", "x", existing_type=sa.String(32), type_=sa.String(64))', ""),
        ('op.alter_column("users", "x", existing_type=sa.String(64), type_=sa.String(32))', "RETYPE"),
        ('op.alter_column("users", "x", existing_type=sa.String(64), type_=sa.Text())', ""),
        ('op.alter_column("users", "x", existing_type=sa.Text(), type_=sa.String(64))', "RETYPE"),
        ('op.alter_column("users", "x", nullable=False)', "SET_NOT_NULL"),
        ('op.alter_column("users", "x", nullable=True, server_default="1")', ""),
        ('op.add_column("users", sa.Column("x", sa.Integer(), nullable=False))', "ADD_REQUIRED"),
        ('op.add_column("users", sa.Column("x", sa.Integer(), server_default="0", nullable=False))', ""),
        ('op.add_column("users", sa.Column("x", sa.BigInteger(), sa.Identity(), nullable=False))', ""),
        ('op.add_column("users", sa.Column("x", sa.Integer()))', ""),
        ('op.execute("TRUNCATE users")', "TRUNCATE"),
        ('op.execute("UPDATE users SET x = 1")', "WRITE_ALL"),
        ('op.execute("UPDATE users SET x = 1 WHERE x IS NULL")', ""),
        ('op.execute(sa.text("DELETE FROM users"))', "WRITE_ALL"),
        ("op.execute(users.update().values(x=1))", "WRITE_ALL"),
        ("op.execute(users.update().values(x=1).where(users.c.x == 2))", ""),
        ("op.get_bind().execute(sa.delete(users))", "WRITE_ALL"),
        ("op.get_bind().execute(sa.select(users))", ""),
        ("op.bulk_insert(users, [{}])", ""),
        ('op.execute("DROP VIEW v")', "DROP_OBJECT"),
        ('op.execute("DROP FUNCTION f; CREATE FUNCTION f() RETURNS int AS $$ DROP TABLE users $$")', ""),
        ('op.create_index("i", "users", ["x"], postgresql_concurrently=True)', "CONCURRENT"),
        (
            'with op.get_context().autocommit_block():\n'
            '    op.create_index("i", "users", ["x"], postgresql_concurrently=True)',
            "",
        ),
        (
            'with op.get_context().autocommit_block():\n'
            '    op.execute("CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON users (x)")',
            "INDEX_LEFTOVER",
        ),
        ('with op.batch_alter_table("users") as batch:\n    batch.drop_column("x")', "DROP_COLUMN"),
        ('with op.batch_alter_table("users") as batch:\n    batch.add_column(sa.Column("x", sa.Text()))', ""),
        ("op.execute(load())", "SQL_COMPUTED"),
        ('op.execute(f"DROP TABLE {name}")', "DROP_TABLE"),
        ('op.execute(" ".join(["DROP", "TABLE users"]))', "DROP_TABLE"),
        ('for name in ("a", "b"):\n    op.execute(f"TRUNCATE {name}")', "TRUNCATE TRUNCATE"),
        ('if op.get_bind():\n    pass\nelse:\n    op.drop_table("users")', "DROP_TABLE"),
        ('try:\n    pass\nexcept Exception:\n    op.drop_table("users")', "DROP_TABLE"),
        ('print("DROP TABLE users")', ""),
        ("op.f('x')", ""),
    ],
)  # fmt: skip
def test_what_destroys_or_blocks_is_found_and_its_near_miss_is_not(
    codes: Codes, up: str, expected: str
) -> None:
    assert " ".join(codes(up)) == expected


def test_what_helpers_and_other_names_of_op_do_is_found_once_a_place(codes: Codes) -> None:
    above = 'from alembic import op as o\nSQL = {"a": "DROP TABLE users", "b": "SELECT 1"}\n'
    above += "def run(texts):\n    for text in texts.values():\n        o.get_bind().exec_driver_sql(text)\n"
    above += "def again():\n    again()\n"
    assert codes("run(SQL)\nrun(SQL)\nagain()\no.drop_table('orders')", above=above) == [
        "DROP_TABLE", "DROP_TABLE",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("above", "up", "expected"),
    [
        ("import alembic\n", 'alembic.op.drop_table("users")', ["DROP_TABLE"]),
        ("from alembic.op import drop_table as gone\n", 'gone("users")', ["DROP_TABLE"]),
        ("from shop.tools import clear\n", "clear(op)", ["SQL_COMPUTED"]),
        ("from . import tools\n", "tools.clear()", ["SQL_COMPUTED"]),
        ("import shop.tools\n", "shop.tools.clear()", ["SQL_COMPUTED"]),
        ("import logging\nfrom textwrap import dedent\n", "logging.info(dedent('x'))", []),
        ("from sqlalchemy.dialects import postgresql\n", "x = postgresql.JSONB()", []),
        ("", 'getattr(op, "drop_table")("users")', ["SQL_COMPUTED"]),
        ("", 'op.invoke(DropTableOp("users"))', ["SQL_COMPUTED"]),
        ("", 'op.alter_column("users", "x", **options)', ["SQL_COMPUTED"]),
        ("", 'op.create_table_comment("users", "who plays")', []),
        ("", 'def inner():\n    op.drop_table("users")\ninner()', ["DROP_TABLE"]),
        ("", 'def inner():\n    op.drop_table("users")', []),
        ("", 'match 1:\n    case 1:\n        op.drop_table("users")', ["DROP_TABLE"]),
        ("", '[op.drop_table(name) for name in ("a", "b")]', ["DROP_TABLE"]),
    ],
)
def test_what_hides_behind_other_names_and_files_is_found_or_said(
    codes: Codes, above: str, up: str, expected: list[str]
) -> None:
    assert codes(up, above=above) == expected


def test_a_file_without_an_upgrade_of_its_own_is_not_clean(project: Tree) -> None:
    project.raw("bb.py", "from base import upgrade\nrevision = 'bb'\ndown_revision = 'aa'\n")
    assert [mark.code for mark in _lint(project).open] == ["ALEMBIC_SQL_COMPUTED"]


def test_a_finding_of_sql_on_several_lines_is_on_its_own_line(project: Tree) -> None:
    _write(project, "bb", "aa", 'op.execute("""\nSELECT 1;\nDROP TABLE users;\n""")')
    assert [mark.line for mark in _lint(project).open if "DROP" in mark.code] == [FIRST + 2]


def test_downgrade_and_released_revisions_are_not_looked_at(project: Tree) -> None:
    _write(project, "bb", "aa", 'op.drop_table("users")')
    _release(project)
    linted = _lint(project)
    assert (linted.marks, linted.revisions, linted.failed) == ((), (), False)
    assert linted.parts["revisions"] == "0 of 2: not held by released.lock"


def test_a_lock_timeout_is_asked_for_once_and_not_where_env_py_sets_it(project: Tree) -> None:
    def notes(up: str) -> list[int]:
        _write(project, "bb", "aa", up)
        return [mark.line for mark in _lint(project).open if mark.code == "ALEMBIC_LOCK_TIMEOUT"]

    twice = 'op.drop_constraint("a", "users")\nop.drop_constraint("b", "users")'
    assert notes(twice) == [FIRST]
    assert notes("op.execute(\"SET LOCAL lock_timeout = '5s'\")\n" + twice) == []
    assert notes('op.create_table("n")\nop.drop_constraint("a", "n")') == []
    concurrently = 'op.create_index("i", "users", ["x"], postgresql_concurrently=True)'
    assert notes(f"with op.get_context().autocommit_block():\n    {concurrently}") == []
    (project.root / "alembic" / "env.py").write_text("# SET lock_timeout = '5s'\n")
    assert notes(twice) == []


DROP = 'op.drop_column("users", "x")'


@pytest.mark.parametrize(
    ("comment", "open_codes"),
    [
        ("allow=ALEMBIC_DROP_COLUMN reason=nobody reads it since 1.4", []),
        ("allow=ALEMBIC_DROP_COLUMN reason=soon over until=2026-11-23", []),
        ("allow=ALEMBIC_DROP_COLUMN reason=over until=2026-11-22", ["ALLOW_INVALID", "DROP_COLUMN"]),
        ("allow=ALEMBIC_DROP_COLUMN", ["ALLOW_INVALID", "DROP_COLUMN"]),
        ("allow=ALEMBIC_DROP_TABLE reason=another one", ["ALLOW_UNUSED", "DROP_COLUMN"]),
        ("allow=ALEMBIC_LOCK_SCAN reason=measured elsewhere", ["DROP_COLUMN"]),
    ],
)
def test_a_comment_allows_one_code_on_one_line_with_a_reason_until_its_day(
    codes: Codes, comment: str, open_codes: list[str]
) -> None:
    assert sorted(codes(f"# ccops: {comment}\n{DROP}")) == open_codes
    assert sorted(codes(f"{DROP}  # ccops: {comment}")) == open_codes
    # Not on the line after next.
    assert "DROP_COLUMN" in codes(f"# ccops: {comment}\npass\n{DROP}")


ALTER = 'op.alter_column("users", "x"'
EXPAND = 'op.add_column("users", sa.Column("y", sa.BigInteger()))'


def _planned(
    project: Tree, expand: str, contract: str, *, named: str = "bb", released: bool = True
) -> list[str]:
    _write(project, "bb", "aa", expand)
    if released:
        _release(project)
    _write(project, "cc", "bb", contract, above=f"# ccops: contract-of={named}\n")
    found = (mark for mark in _lint(project).open if mark.subject == "cc" and mark.severity != "info")
    return sorted(mark.code.removeprefix("ALEMBIC_") for mark in found)


@pytest.mark.parametrize(
    ("expand", "contract", "left"),
    [
        (EXPAND, DROP, []),
        (EXPAND, f'{ALTER}, new_column_name="old_x")', []),
        (EXPAND, 'op.alter_column("users", "y", nullable=False)', []),
        (
            'op.create_table("people"); op.execute("INSERT INTO people SELECT * FROM users")',
            'op.drop_table("users")',
            [],
        ),
        (
            'op.create_check_constraint("c", "users", "x > 0")',
            'op.alter_column("users", "x", nullable=False)',
            [],
        ),
        # The plan of another table is none for this one, and no plan makes these right.
        (EXPAND, 'op.drop_column("orders", "x")', ["DROP_COLUMN"]),
        (QUIET, DROP, ["DROP_COLUMN"]),
        ('op.create_index("i", "users", ["x"])', DROP, ["DROP_COLUMN"]),
        (EXPAND, 'op.execute("TRUNCATE users")', ["TRUNCATE"]),
        (EXPAND, 'op.execute("UPDATE users SET y = x")', ["WRITE_ALL"]),
    ],
)
def test_the_contract_step_of_a_released_plan_is_fine(
    project: Tree, expand: str, contract: str, left: list[str]
) -> None:
    assert _planned(project, expand, contract) == left


@pytest.mark.parametrize(
    ("named", "released", "why"),
    [("bb", False, "not released"), ("zz", True, "no file"), ("cc", True, "before this one")],
)
def test_a_plan_that_does_not_stand_is_a_finding_and_covers_nothing(
    project: Tree, named: str, released: bool, why: str
) -> None:
    assert _planned(project, EXPAND, DROP, named=named, released=released) == ["CONTRACT_OF", "DROP_COLUMN"]
    (mark,) = [one for one in _lint(project).open if one.code == "ALEMBIC_CONTRACT_OF"]
    assert why in mark.message
    assert mark.line == 1


def test_the_revision_that_made_the_table_is_nobody_s_plan(project: Tree) -> None:
    assert _planned(project, EXPAND, DROP, named="aa") == ["DROP_COLUMN"]


def test_an_expand_step_on_another_branch_is_none(project: Tree) -> None:
    _write(project, "bb", "aa", EXPAND)
    _write(project, "xx", "aa", EXPAND)
    _release(project)
    _write(project, "cc", "bb", DROP, above="# ccops: contract-of=xx\n")
    codes = [mark.code for mark in _lint(project).open if mark.severity == "error"]
    assert codes == ["ALEMBIC_CONTRACT_OF", "ALEMBIC_DROP_COLUMN"]


def test_since_a_reference_only_what_is_new_is_linted_and_its_revisions_carry_plans(project: Tree) -> None:
    lock_path(project.check().config).unlink()
    assert "all are looked at" in _lint(project).parts["revisions"]
    _write(project, "bb", "aa", EXPAND)
    project.git("init", "-qb", "main")
    project.commit()
    _write(project, "cc", "bb", DROP, above="# ccops: contract-of=bb\n")
    linted = _lint(project, since="main")
    assert [node.id for node in linted.revisions] == ["cc"]
    assert not linted.failed
    assert linted.parts["revisions"] == "1 of 3: not in main"
    with pytest.raises(UsageError):
        _lint(project, since="nowhere")


def test_broken_files_and_empty_projects_are_findings(project: Tree) -> None:
    project.raw("bb.py", "revision = 'bb'\ndown_revision = 'aa'\ndef (:\n")
    assert [mark.code for mark in _lint(project).open] == ["ALEMBIC_SYNTAX"]
    for path in project.file("").iterdir():
        path.unlink()
    assert [mark.code for mark in _lint(project).open] == ["ALEMBIC_EMPTY"]


NODE = Revision("bb", ("aa",), Path("bb.py"), line=4)


def _fake_squawk(folder: Path, body: str) -> Squawk:
    program = folder / "squawk"
    program.write_text(f"#!/bin/sh\ncat > /dev/null\n{body}\n")
    program.chmod(0o755)
    return Squawk(str(program), folder)


def test_what_squawk_says_is_at_the_line_of_the_migration_and_once_a_rule_and_line(tmp_path: Path) -> None:
    said = (
        '[{"line": 2, "rule_name": "x-rule", "message": "m", "help": null},'
        ' {"line": 4, "rule_name": "x-rule", "message": "m", "help": null},'
        ' {"line": 0, "rule_name": "prefer-text-field", "message": "m", "help": null}]'
    )
    squawk = _fake_squawk(tmp_path, f"echo '{said}'; exit 1")
    answer = {"sql": "a\n\nb;\n\nc;\n", "lines": [[0, 9], [2, 11], [4, 11]]}
    (mark,), why = squawk_marks(squawk, NODE, answer, "bb.py")
    assert (mark.line, mark.detail, mark.severity, why) == (11, "b;\nc;", Severity.WARNING, "")


@pytest.mark.parametrize(
    ("body", "why"),
    [("exit 2", "ended with 2"), ("echo nonsense", "no answer"), ("echo '{}'", "ended with 0")],
)
def test_a_squawk_that_says_nothing_sensible_is_said_and_not_green(
    tmp_path: Path, body: str, why: str
) -> None:
    marks, said = squawk_marks(_fake_squawk(tmp_path, body), NODE, {"sql": "a", "lines": []}, "bb.py")
    assert marks == []
    assert why in said


def test_what_can_not_be_rendered_is_said_by_name(project: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(project, "bb", "aa", QUIET)
    squawk = _fake_squawk(project.root, "echo '[]'")
    monkeypatch.setattr(running, "find_squawk", lambda folder: squawk)
    answers = [{"revision": "bb", "error": "AttributeError: no bind", "line": 9}]
    monkeypatch.setattr("ccops.migrations.scratch.run.rendered", lambda runner, new: iter(answers))
    said = _lint(project).parts["squawk"]
    assert said == "0 of 1 revisions; bb not: AttributeError: no bind (line 9)"
    assert _lint(project, static=True).parts["squawk"] == "not looked at: --static"


def test_squawk_is_looked_for_on_the_path_and_its_absence_is_said(
    project: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "not installed" in _lint(project).parts["squawk"]
    _fake_squawk(tmp_path, "true")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/nowhere")
    found = find_squawk(tmp_path)
    assert found is not None
    assert found.program == str(tmp_path / "squawk")


def test_a_line_of_sql_belongs_to_the_statement_above_it() -> None:
    assert [migration_line(at, [(0, 9), (3, 12)]) for at in (0, 2, 3, 8)] == [9, 9, 12, 12]
    assert migration_line(5, []) == 0


def test_the_migrations_of_the_bundled_backend_are_clean() -> None:
    from ccops.cli.alembicview import _BUNDLED

    linted = lint(LintCall(_BUNDLED), date.today())  # noqa: DTZ011 - days count where the file is
    assert linted.open == ()


def test_the_command_says_where_ends_with_1_and_writes_reports(
    project: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(project, "bb", "aa", "# ccops: allow=ALEMBIC_DROP_COLUMN reason=nobody reads it\n" + DROP)
    words = ["alembic", "lint", "--static", "--config", str(project.ini)]
    assert main(words) == 0
    assert "allowed: nobody reads it" in capsys.readouterr().out

    _write(project, "bb", "aa", DROP)
    sarif = project.root / "lint.sarif"
    assert main([*words, "--report", f"sarif={sarif}", "-o", "json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert [issue["code"] for issue in said["issues"]] == ["ALEMBIC_DROP_COLUMN", "ALEMBIC_LOCK_TIMEOUT"]
    (first, *_) = json.loads(sarif.read_text())["runs"][0]["results"]
    assert first["locations"][0]["physicalLocation"]["region"]["startLine"] == FIRST
