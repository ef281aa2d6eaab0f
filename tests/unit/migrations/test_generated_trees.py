"""Random graphs with planted defects: each is found, and nothing else is."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ccops.migrations import scan as scanning
from ccops.migrations.config import read_config
from ccops.migrations.revision import Fault, Revision
from ccops.migrations.scan import scan
from tests.unit.migrations.kit import Tree, tree

DEFECTS = (
    "none",
    "heads",
    "missing",
    "orphan",
    "duplicate",
    "cycle",
    "self",
    "base",
    "syntax",
    "dynamic",
    "stray",
    "long",
)


def _ident(number: int) -> str:
    # Of one length, so that none begins another; hashed, so that the order of files is not that of the graph.
    return f"{(number * 2654435761) % 2**32:08x}"


@st.composite
def _dags(draw: st.DrawFn) -> list[tuple[int, ...]]:
    """Parents by place: one base, one head, forks that are merged again."""
    parents: list[tuple[int, ...]] = [()]
    open_ = {0}
    for _ in range(draw(st.integers(0, 14))):
        number = len(parents)
        if len(open_) > 1 and draw(st.booleans()):
            chosen = sorted(open_)[:2]
        else:
            chosen = [draw(st.integers(0, number - 1))]
        parents.append(tuple(chosen))
        open_ = (open_ - set(chosen)) | {number}
    if len(open_) > 1:
        parents.append(tuple(sorted(open_)))
    return parents


def _write(project: Tree, parents: list[tuple[int, ...]]) -> None:
    for number, downs in enumerate(parents):
        names = tuple(map(_ident, downs))
        project.add(_ident(number), names[0] if len(names) == 1 else names or None)


def _plant(project: Tree, defect: str, parents: list[tuple[int, ...]], at: int) -> set[tuple[str, str]]:
    """Plant a defect; return code and subject of what must be found."""
    top, new = _ident(len(parents) - 1), _ident(99)
    if defect == "heads":
        if len(parents) == 1:
            return set()
        project.add(new, _ident(at % (len(parents) - 1)))
        return {("ALEMBIC_HEADS", "heads")}
    if defect == "missing":
        project.add(new, (top, "deadbeef"))
        return {("ALEMBIC_MISSING_PARENT", new)}
    if defect == "orphan":
        project.add(new, "deadbeef")
        project.add(_ident(98), new)
        return {("ALEMBIC_MISSING_PARENT", new)}
    if defect == "duplicate":
        # Its first file counts; the second one sorts behind every id.
        project.raw("zzz.py", f"revision = {top!r}\ndown_revision = None\n")
        return {("ALEMBIC_DUPLICATE_ID", top)}
    if defect == "cycle":
        other = _ident(98)
        project.add(new, (top, other))
        project.add(other, new)
        project.add(_ident(97), other)
        return {("ALEMBIC_CYCLE", min(new, other))}
    if defect == "self":
        project.add(new, (top, new))
        return {("ALEMBIC_SELF_LOOP", new)}
    if defect == "base":
        project.add(new, None)
        project.add(_ident(98), (top, new))
        # Of two beginnings the one whose file comes later is named.
        return {("ALEMBIC_BASES", max(new, _ident(0)))}
    if defect == "syntax":
        name = _ident(at % len(parents))
        with project.file(f"{name}.py").open("a") as file:
            file.write("def broken(:\n")
        return {("ALEMBIC_SYNTAX", f"{name}.py")}
    if defect == "dynamic":
        project.raw(f"{new}.py", f"revision = {new!r}\ndown_revision = {top!r} + ''\n")
        return {("ALEMBIC_DYNAMIC", f"{new}.py")}
    if defect == "stray":
        project.raw("helpers.py", "x = 1\n")
        return {("ALEMBIC_NO_REVISION", "helpers.py")}
    if defect == "long":
        project.add("f" * 33, top)
        return {("ALEMBIC_ID_LONG", "f" * 33)}
    return set()


@settings(max_examples=80)
@given(_dags(), st.sampled_from(DEFECTS), st.integers(0, 99), st.booleans())
def test_a_planted_defect_is_found_and_nothing_else(
    parents: list[tuple[int, ...]], defect: str, at: int, quick: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = tree(Path(folder) / "p")
        _write(project, parents)
        wanted = _plant(project, defect, parents, at)
        before, scanning.PARSE_ALL = scanning.PARSE_ALL, 0 if quick else 500
        try:
            found = project.codes()
        finally:
            scanning.PARSE_ALL = before

    assert set(found) == wanted
    assert len(found) == len(wanted)


@settings(max_examples=30)
@given(_dags())
def test_the_head_of_a_file_says_what_its_syntax_tree_says(parents: list[tuple[int, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = tree(Path(folder) / "p")
        _write(project, parents)
        config = read_config(project.ini)
        whole = scan(config)
        before, scanning.PARSE_ALL = scanning.PARSE_ALL, 0
        try:
            heads = scan(config)
        finally:
            scanning.PARSE_ALL = before

    assert heads.revisions == whole.revisions


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_a_revision_or_a_fault_and_never_an_exception(source: bytes) -> None:
    assert isinstance(scanning.read_source(source, Path("x.py")), Revision | Fault)
    scanning.read_head(source, "x.py")
    scanning.recovered(source, Path("x.py"))
