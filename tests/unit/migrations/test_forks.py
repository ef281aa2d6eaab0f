"""Of two heads, what nobody has run is moved; everything else is merged. Git says who, or why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccops.core.errors import Refused, UsageError
from ccops.migrations.check import project as read_project
from ccops.migrations.rebase import apply_rebase, plan_rebase
from tests.unit.migrations.kit import Tree


@pytest.fixture
def forked(project: Tree) -> Tree:
    """`main` holds aa and bb; the branch has added cc after aa."""
    project.add("aa", None)
    project.git("init", "-q", "-b", "main")
    project.commit()
    project.git("checkout", "-qb", "feature")
    project.add("cc", "aa", doc="Add.\n\nRevises: aa\n")
    project.commit()
    project.git("checkout", "-q", "main")
    project.add("bb", "aa")
    project.commit()
    project.git("checkout", "-q", "feature")
    return project


def test_what_the_base_branch_lacks_is_moved_onto_its_head(forked: Tree) -> None:
    forked.git("merge", "-q", "--no-edit", "main")

    (mark,) = forked.check(base="main").marks

    assert mark.code == "ALEMBIC_HEADS"
    assert mark.next_step == f"ccops alembic rebase cc --onto bb --config {forked.ini} --apply"
    assert "bb  touches no table  (it is on the base branch)" in mark.detail
    assert "Ada, 20" in mark.detail


def test_without_a_base_nothing_is_known_to_be_free_and_heads_are_merged(forked: Tree) -> None:
    forked.git("merge", "-q", "--no-edit", "main")

    (mark,) = forked.check().marks

    assert mark.next_step.startswith("alembic -c ")
    assert mark.next_step.endswith(" bb cc")
    assert "nobody knows whether it was released" in mark.detail


def test_a_fork_that_only_a_merge_would_make_is_seen_before_it(forked: Tree) -> None:
    (mark,) = forked.check(base="main").marks

    assert (mark.code, mark.subject) == ("ALEMBIC_NOT_FROM_BASE", "cc")
    assert "bb" in mark.detail
    assert "rebase cc --onto bb" in mark.next_step


def test_a_file_deleted_here_on_purpose_is_not_missed(forked: Tree) -> None:
    forked.git("checkout", "-q", "main")
    forked.git("checkout", "-qb", "other")
    forked.file("bb.py").unlink()

    assert forked.check(base="main").marks == ()


def test_no_repository_is_said_and_an_asked_for_base_must_be_there(project: Tree) -> None:
    project.add("aa", None)

    assert "no git repository" in project.check().parts["base"]
    with pytest.raises(UsageError) as error:
        project.check(base="main")
    assert error.value.code == "GIT_REF_INVALID"


@pytest.mark.parametrize("ref", ["-x", "a:b", "nowhere"])
def test_a_hostile_or_unknown_reference_is_a_usage_error(forked: Tree, ref: str) -> None:
    with pytest.raises(UsageError) as error:
        forked.check(base=ref)
    assert error.value.code == "GIT_REF_INVALID"


def test_a_shallow_clone_and_a_detached_head_are_checked_and_said(forked: Tree, tmp_path: Path) -> None:
    forked.git("merge", "-q", "--no-edit", "main")
    clone = tmp_path / "clone"
    forked.git("clone", "-q", "--depth", "1", f"file://{forked.root}", str(clone))
    shallow = Tree(clone)
    shallow.git("checkout", "-q", "--detach")

    found = shallow.check(base="origin/feature")

    assert "(shallow clone)" in found.parts["base"]
    assert [mark.code for mark in found.marks] == ["ALEMBIC_HEADS"]


def test_a_missing_parent_is_looked_for_on_other_branches(forked: Tree) -> None:
    forked.add("dd", ("cc", "bb"))

    (mark,) = forked.check().marks

    assert mark.code == "ALEMBIC_MISSING_PARENT"
    assert "it is on branch main" in mark.detail
    assert mark.next_step == "git merge main"


def test_a_rebase_edits_the_parent_and_the_docstring_and_nothing_else(forked: Tree) -> None:
    forked.git("merge", "-q", "--no-edit", "main")
    before = forked.file("cc.py").read_bytes()

    plan = plan_rebase(read_project(forked.ini)[2], "cc", "bb")
    assert forked.file("cc.py").read_bytes() == before
    apply_rebase(plan)

    after = forked.file("cc.py").read_text()
    assert after == before.decode().replace("Revises: aa", "Revises: bb").replace("= 'aa'", '= "bb"')
    assert forked.codes(base="main") == []


def test_a_rebase_onto_a_descendant_of_a_merge_or_of_a_stranger_is_refused(forked: Tree) -> None:
    forked.git("merge", "-q", "--no-edit", "main")
    forked.add("mm", ("bb", "cc"))
    graph = read_project(forked.ini)[2]

    for ident, onto in (("aa", "cc"), ("mm", "aa"), ("zz", "aa"), ("cc", "zz")):
        with pytest.raises(Refused):
            plan_rebase(graph, ident, onto)


def test_a_file_that_changed_since_the_plan_is_left_alone(forked: Tree) -> None:
    forked.git("merge", "-q", "--no-edit", "main")
    plan = plan_rebase(read_project(forked.ini)[2], "cc", "bb")
    forked.add("cc", "aa", body="x = 1\n")
    changed = forked.file("cc.py").read_bytes()

    with pytest.raises(Refused):
        apply_rebase(plan)
    assert forked.file("cc.py").read_bytes() == changed
