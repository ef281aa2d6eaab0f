"""Every defect of a graph is found where it is, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccops.core.errors import UsageError
from ccops.core.reports.marks import Mark
from ccops.migrations.codes import CODES
from ccops.migrations.released import lock_path, new_lock, write_lock
from tests.unit.migrations.kit import HARM, Tree


def _line(project: Tree) -> None:
    for ident, down in (("aa", None), ("bb", "aa"), ("cc", "bb")):
        project.add(ident, down)


def _only(project: Tree) -> Mark:
    (mark,) = project.check().marks
    return mark


def test_one_chain_is_fine_and_no_file_of_it_runs(project: Tree) -> None:
    _line(project)

    found = project.check()

    assert found.marks == ()
    assert not found.failed
    assert found.graph.heads == ("cc",)
    assert found.parts["graph"].startswith("3 files, 3 revisions, head cc, base aa")


def test_no_revision_at_all_is_not_fine(project: Tree) -> None:
    assert project.check().failed
    assert project.codes() == [("ALEMBIC_EMPTY", "graph")]


def test_two_heads_are_one_finding_that_names_both_sides(project: Tree) -> None:
    _line(project)
    project.add("dd", "bb", body="def upgrade():\n    op.add_column('users', x)\n")
    project.file("cc.py").write_text(
        "revision = 'cc'\ndown_revision = 'bb'\ndef up():\n    op.execute('ALTER TABLE users ADD y')\n"
    )

    mark = _only(project)

    assert mark.code == "ALEMBIC_HEADS"
    assert mark.detail.splitlines()[0] == "they part after bb"
    assert "cc  touches users" in mark.detail
    assert "both touch users: read them together" in mark.detail


def test_a_missing_parent_names_the_nearest_id_and_the_line_of_down_revision(project: Tree) -> None:
    _line(project)
    project.add("dd01", "cd")
    project.add("ee", "dd02")

    marks = {mark.subject: mark for mark in project.check().marks if mark.code == "ALEMBIC_MISSING_PARENT"}

    assert marks["ee"].line == 2
    assert "nearest id is dd01" in marks["ee"].detail
    assert marks["ee"].next_step == 'down_revision = "dd01"'


def test_a_missing_parent_is_no_fork_and_a_fork_beside_it_is_still_one(project: Tree) -> None:
    _line(project)
    project.add("dd", "zz")
    assert project.codes() == [("ALEMBIC_MISSING_PARENT", "dd")]

    project.add("ee", "bb")
    assert project.codes() == [("ALEMBIC_HEADS", "heads"), ("ALEMBIC_MISSING_PARENT", "dd")]


def test_an_id_used_twice_names_both_files(project: Tree) -> None:
    _line(project)
    project.raw("cc_again.py", "revision = 'cc'\ndown_revision = 'bb'\n")

    mark = _only(project)

    assert mark.code == "ALEMBIC_DUPLICATE_ID"
    assert len(mark.detail.splitlines()) == 2


def test_a_circle_names_its_members_only(project: Tree) -> None:
    _line(project)
    project.add("xx", "zz")
    project.add("yy", "xx")
    project.add("zz", "yy")
    project.add("after", "zz")

    marks = {mark.code: mark for mark in project.check().marks}

    assert set(marks) == {"ALEMBIC_CYCLE", "ALEMBIC_HEADS"}
    assert "3 revisions" in marks["ALEMBIC_CYCLE"].message
    assert "after" not in marks["ALEMBIC_CYCLE"].detail


def test_a_revision_that_follows_itself_is_told(project: Tree) -> None:
    _line(project)
    project.add("dd", ("cc", "dd"))

    assert ("ALEMBIC_SELF_LOOP", "dd") in project.codes()


def test_only_circles_means_there_is_no_head(project: Tree) -> None:
    project.add("xx", "yy")
    project.add("yy", "xx")

    assert project.codes() == [("ALEMBIC_CYCLE", "xx"), ("ALEMBIC_NO_HEAD", "heads")]


def test_a_second_beginning_is_a_finding_unless_it_has_a_branch_label(project: Tree) -> None:
    _line(project)
    project.add("zz", None)
    project.add("merge", ("cc", "zz"))
    assert project.codes() == [("ALEMBIC_BASES", "zz")]

    project.raw("zz.py", "revision = 'zz'\ndown_revision = None\nbranch_labels = ('other',)\n")
    assert project.codes() == []


def test_a_dependency_may_be_a_label_and_must_be_there(project: Tree) -> None:
    _line(project)
    project.raw("bb.py", "revision = 'bb'\ndown_revision = 'aa'\nbranch_labels = ('shop',)\n")
    project.raw("dd.py", "revision = 'dd'\ndown_revision = 'cc'\ndepends_on = ('shop', 'shopp')\n")

    mark = _only(project)

    assert (mark.code, mark.subject) == ("ALEMBIC_DEPENDS_UNKNOWN", "dd")
    assert "shopp" in mark.message


def test_a_merge_with_an_own_ancestor_is_a_warning(project: Tree) -> None:
    _line(project)
    project.add("dd", ("cc", "aa"))

    found = project.check()

    assert [mark.code for mark in found.marks] == ["ALEMBIC_REDUNDANT_MERGE"]
    assert not found.failed


@pytest.mark.parametrize(("length", "codes"), [(32, []), (33, ["ALEMBIC_ID_LONG"])])
def test_an_id_must_fit_into_alembic_version(project: Tree, length: int, codes: list[str]) -> None:
    project.add("a" * length, None)

    assert [code for code, _ in project.codes()] == codes


def test_an_id_that_begins_others_is_told_for_each(project: Tree) -> None:
    project.add("ab", None)
    project.add("abc", "ab")
    project.add("abd", "abc")

    assert project.codes() == [("ALEMBIC_ID_PREFIX", "abc"), ("ALEMBIC_ID_PREFIX", "abd")]


def test_a_docstring_that_says_another_parent_is_a_warning(project: Tree) -> None:
    _line(project)
    project.add("dd", "cc", doc="Add a thing.\n\nRevision ID: dd\nRevises: bb\n")
    assert project.codes() == [("ALEMBIC_DOCSTRING", "dd")]

    project.add("dd", "cc", doc="Add a thing.\n\nRevision ID: dd\nRevises: cc\n")
    assert project.codes() == []


def test_a_file_that_is_no_python_is_a_finding_and_the_graph_stays_whole(project: Tree) -> None:
    _line(project)
    project.raw("bb.py", "revision = 'bb'\ndown_revision = 'aa'\ndef upgrade(:\n")

    mark = _only(project)

    assert (mark.code, mark.line) == ("ALEMBIC_SYNTAX", 3)


def test_a_merge_conflict_is_called_one(project: Tree) -> None:
    _line(project)
    text = "revision = 'cc'\n<<<<<<< HEAD\ndown_revision = 'bb'\n=======\ndown_revision = 'aa'\n>>>>>>> x\n"
    project.raw("cc.py", text)

    mark = _only(project)

    assert (mark.code, mark.line) == ("ALEMBIC_CONFLICT", 2)


def test_a_helper_among_the_migrations_is_told(project: Tree) -> None:
    _line(project)
    project.raw("helpers.py", "def f() -> None: ...\n")
    project.raw("__init__.py", "")
    project.raw("notes.txt", "revision = 'x'\n")

    assert project.codes() == [("ALEMBIC_NO_REVISION", "helpers.py")]


def test_bom_and_crlf_are_read_like_anything_else(project: Tree) -> None:
    _line(project)
    project.raw(
        "dd.py",
        b'\xef\xbb\xbf"""x\r\n\r\nRevises: cc\r\n"""\r\nrevision = \'dd\'\r\ndown_revision = \'cc\'\r\n',
    )

    assert project.codes() == []
    assert project.check().graph.nodes["dd"].line == 5


def test_what_is_computed_is_a_finding_until_it_may_run(project: Tree) -> None:
    _line(project)
    text = "import sys\nprint('noise')\nrevision = 'dd'\ndown_revision = 'c' * 2\n"
    project.raw("dd.py", text)

    mark = _only(project)
    assert (mark.code, mark.line, mark.detail) == ("ALEMBIC_DYNAMIC", 4, "revision dd")

    assert project.codes(run_dynamic=True) == []
    assert project.check(run_dynamic=True).graph.nodes["dd"].down == ("cc",)


def test_a_computed_file_that_fails_when_it_runs_says_why(project: Tree) -> None:
    _line(project)
    project.raw("dd.py", f"revision = 'dd'\ndown_revision = 'c' * 2\n{HARM}")

    (mark,) = project.check(run_dynamic=True).marks

    assert mark.code == "ALEMBIC_DYNAMIC"
    assert "a migration was imported" in mark.detail


def test_constants_of_the_same_file_are_no_computation(project: Tree) -> None:
    _line(project)
    project.raw("dd.py", "BEFORE = 'cc'\nrevision: str = 'dd'\ndown_revision: str | None = BEFORE\n")

    assert project.codes() == []


def test_a_released_migration_may_neither_change_nor_go_but_line_ends_may(project: Tree) -> None:
    _line(project)
    found = project.check()
    write_lock(lock_path(found.config), new_lock({}, found.graph.nodes.values()))
    project.file("aa.py").write_bytes(project.file("aa.py").read_bytes().replace(b"\n", b"\r\n"))
    assert project.codes() == []

    project.add("bb", "aa", body="x = 1\n")
    assert project.codes() == [("ALEMBIC_EDITED", "bb")]

    project.file("bb.py").rename(project.file("new.txt"))
    assert ("ALEMBIC_DELETED", "bb") in project.codes()


def test_a_broken_lock_is_an_error_and_not_an_empty_one(project: Tree) -> None:
    _line(project)
    lock_path(project.check().config).write_text("aa\n")

    with pytest.raises(UsageError) as error:
        project.check()
    assert error.value.code == "ALEMBIC_LOCK_INVALID"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[other]\n",
        "[alembic]\n",
        "[alembic]\nscript_location = nowhere\n",
        "[alembic]\nscript_location = %(x)s\n",
    ],
)
def test_a_file_that_is_no_project_is_a_usage_error(project: Tree, text: str) -> None:
    project.ini.write_text(text)

    with pytest.raises(UsageError) as error:
        project.check()
    assert error.value.code == "ALEMBIC_CONFIG"


def test_pyproject_and_several_folders_are_read(project: Tree, tmp_path: Path) -> None:
    _line(project)
    other = project.root / "shop"
    other.mkdir()
    project.file("cc.py").rename(other / "cc.py")
    toml = project.root / "pyproject.toml"
    toml.write_text(
        '[tool.alembic]\nscript_location = "%(here)s/alembic"\n'
        'version_locations = ["%(here)s/alembic/versions", "%(here)s/shop"]\n'
    )
    project.ini.rename(project.root / "old.ini")
    (project.root / "alembic.ini").symlink_to(toml)

    from ccops.migrations.check import Wanted, check

    assert check(Wanted(toml)).graph.heads == ("cc",)


def test_folders_below_count_only_when_the_configuration_says_so(project: Tree) -> None:
    _line(project)
    (project.file("2026")).mkdir()
    project.file("cc.py").rename(project.file("2026/cc.py"))
    assert project.check().graph.heads == ("bb",)

    project.ini.write_text(project.ini.read_text() + "recursive_version_locations = true\n")
    assert project.check().graph.heads == ("cc",)


def test_every_code_has_its_meaning() -> None:
    source = (Path(__file__).parents[3] / "ccops" / "migrations").glob("*.py")
    raised = {word for path in source for word in path.read_text().split('"') if word.startswith("ALEMBIC_")}

    assert set(CODES) <= raised
