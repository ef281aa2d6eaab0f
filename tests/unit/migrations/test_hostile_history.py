"""Git as it is met in hooks, in mirrors, in several repositories; locks that somebody tampered with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ccops.core.errors import Refused
from ccops.migrations.check import project as read_project
from ccops.migrations.rebase import apply_rebase, plan_rebase
from ccops.migrations.released import lock_path, new_lock
from tests.unit.migrations.kit import Tree, tree


@pytest.fixture
def based(project: Tree) -> Tree:
    """On `feature`, which is `main`: aa alone, committed."""
    project.add("aa", None)
    project.git("init", "-q", "-b", "main")
    project.commit()
    project.git("checkout", "-qb", "feature")
    return project


def hold(project: Tree, *idents: str) -> None:
    config, _, graph = read_project(project.ini)
    lock_path(config).write_text(new_lock({}, [graph.nodes[ident] for ident in idents]))


def test_a_fork_on_the_base_branch_alone_is_no_crash_here(based: Tree) -> None:
    based.git("checkout", "-q", "main")
    based.add("bb", "aa")
    based.add("cc", "aa")
    based.commit()
    based.git("checkout", "-q", "feature")

    found = based.check(base="main")

    assert found.marks == ()
    assert found.parts["base"] == "main: 1 revisions, 2 not here yet"


def test_a_branch_without_any_revision_is_no_crash(based: Tree) -> None:
    based.git("checkout", "-q", "main")
    based.add("bb", "aa")
    based.add("cc", "aa")
    based.commit()
    based.git("checkout", "-q", "feature")
    based.file("aa.py").unlink()

    assert [code for code, _ in based.codes(base="main")] == ["ALEMBIC_EMPTY"]


def test_revisions_in_another_repository_are_not_taken_for_free(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    options = f"version_locations = %(here)s/alembic/versions {other}\n"
    project = tree(tmp_path / "project", options=options)
    project.add("aa", None)
    project.git("init", "-q", "-b", "main")
    project.commit()
    (other / "bb.py").write_text("revision = 'bb'\ndown_revision = 'aa'\n")
    project.add("cc", "aa")

    (mark,) = project.check(base="main").marks

    assert mark.code == "ALEMBIC_HEADS"
    assert "rebase cc --onto bb" in mark.next_step


@pytest.mark.parametrize("name", ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"])
def test_what_git_tells_its_hooks_leads_us_nowhere(
    based: Tree, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    based.add("bb", "aa")
    wanted = based.check(base="main").parts["base"]
    monkeypatch.setenv(name, str(based.root / ".git") if name == "GIT_DIR" else str(tmp_path / "else"))

    assert based.check(base="main").parts["base"] == wanted == "main: 1 revisions"


def test_a_parent_that_was_deleted_here_is_taken_back_and_not_merged(based: Tree) -> None:
    based.add("bb", "aa")
    based.commit()
    based.file("aa.py").unlink()

    (mark,) = based.check(base="main").marks
    assert mark.next_step == "git checkout HEAD -- :/alembic/versions/aa.py"

    based.git("rm", "-q", "alembic/versions/aa.py")
    based.commit()
    (mark,) = based.check(base="main").marks
    assert mark.next_step == "git checkout main -- :/alembic/versions/aa.py"
    based.git("checkout", "main", "--", ":/alembic/versions/aa.py")
    assert based.codes(base="main") == []


def test_what_is_released_is_merged_and_never_moved(based: Tree) -> None:
    based.add("bb", "aa")
    based.add("cc", "aa")
    hold(based, "aa", "bb", "cc")

    (mark,) = based.check(base="main").marks

    assert mark.next_step.startswith("alembic -c ")
    assert "(it is released)" in mark.detail
    with pytest.raises(Refused, match="not moved"):
        plan_rebase(read_project(based.ini)[2], "cc", "bb", {"cc"})


def test_what_the_other_side_depends_on_is_not_moved_behind_it(based: Tree) -> None:
    based.add("bb", "aa")
    based.add("cc", "aa", body="depends_on = 'dd'\n")
    based.add("dd", "aa")

    marks = [mark for mark in based.check(base="main").marks if mark.code == "ALEMBIC_HEADS"]
    assert all("rebase dd --onto cc" not in mark.next_step for mark in marks)
    based.file("bb.py").unlink()
    (mark,) = based.check(base="main").marks
    assert "rebase cc --onto dd" in mark.next_step
    with pytest.raises(Refused):
        plan_rebase(read_project(based.ini)[2], "dd", "cc")


def test_a_line_of_the_lock_that_this_branch_took_out_still_holds(based: Tree) -> None:
    based.git("checkout", "-q", "main")
    hold(based, "aa")
    based.commit()
    based.git("checkout", "-qB", "feature")
    based.add("aa", None, body="x = 'edited'\n")

    based.commit()
    (mark,) = based.check(base="main").marks
    assert mark.code == "ALEMBIC_EDITED"
    assert mark.next_step.startswith("git checkout main -- ")
    hold(based, "aa")  # as it is now
    assert based.codes(base="main") == [("ALEMBIC_EDITED", "aa")]
    lock_path(read_project(based.ini)[0]).unlink()
    assert based.codes(base="main") == [("ALEMBIC_EDITED", "aa")]


@pytest.mark.parametrize(
    "text",
    [
        "revision = 'cc'\ndown_revision = 'a' 'a'\n",
        "x = '''\ndown_revision = 'aa'\n'''\nrevision = 'cc'\ndown_revision = ('aa',)\n",
        "revision = 'cc'\ndown_revision = 'aa'\ndef broken(:\n",
    ],
)
def test_an_edit_that_python_would_read_otherwise_is_refused(based: Tree, text: str) -> None:
    based.add("bb", "aa")
    based.raw("cc.py", text)

    with pytest.raises(Refused):
        plan_rebase(read_project(based.ini)[2], "cc", "bb")


def test_a_rebase_keeps_the_mode_and_the_link_and_leaves_nothing_behind(
    based: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    based.add("bb", "aa")
    path = based.add("cc", "aa")
    path.chmod(0o640)
    real = path.rename(tmp_path / "real.py")
    path.symlink_to(real)
    before = real.read_bytes()
    plan = plan_rebase(read_project(based.ini)[2], "cc", "bb")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("the disk is full")))
        with pytest.raises(OSError, match="full"):
            apply_rebase(plan)
    assert real.read_bytes() == before
    apply_rebase(plan)

    assert path.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert b'"bb"' in real.read_bytes()
    assert sorted(one.name for one in real.parent.iterdir()) == ["project", "real.py"]
