"""Files that say one thing to a quick reader and another to Python, and what is no migration at all."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccops.core.errors import UsageError
from ccops.migrations import scan as scanning
from ccops.migrations.files import LARGEST, lines_in, read_file
from tests.unit.migrations.kit import Tree

HEAD = "revision = 'a'\ndown_revision = None\n"


@pytest.fixture(params=[500, 0], ids=["parsed whole", "by their head"])
def both(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of reading."""
    monkeypatch.setattr(scanning, "PARSE_ALL", request.param)


@pytest.mark.usefixtures("both")
@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD}if True:\n    down_revision = 'gone'\n",
        f"{HEAD}if True: down_revision = 'gone'\n",
        f"{HEAD}try:\n    down_revision = 'gone'\nexcept Exception:\n    pass\n",
        f"{HEAD}down_revision += 'x'\n",
        f"{HEAD}(down_revision := 'gone')\n",
        f"{HEAD}from other import down_revision\n",
        f"{HEAD}from other import (\n    down_revision,\n)\n",
        f"{HEAD}import other as down_revision\n",
        f"{HEAD}for down_revision in ('x', 'y'): pass\n",
        f"{HEAD}with open('x') as down_revision: pass\n",
        f"{HEAD}def change():\n    global down_revision\n    down_revision = 'gone'\nchange()\n",
        f"{HEAD}del down_revision\n",
        f"{HEAD}def down_revision(): pass\n",
        f"{HEAD}x = down_revision = compute()\n",
        f"{HEAD}x, (down_revision, y) = 1, ('b', 2)\n",
        f"{HEAD}depends_on = compute()\n",
        f"{HEAD}if True:\n    branch_labels = ('x',)\n",
        "revision, down_revision = 'a', None\n",
    ],
)
def test_a_name_that_is_bound_in_another_way_as_well_is_computed(project: Tree, text: str) -> None:
    project.raw("a.py", text)

    assert "ALEMBIC_DYNAMIC" in [code for code, _ in project.codes()]


@pytest.mark.usefixtures("both")
@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD}def upgrade():\n    down_revision = 'mine'\n    revision, x = 1, 2\n",
        f"{HEAD}def upgrade(revision=None, *, down_revision=''):\n    x = [revision for revision in x]\n",
        f"{HEAD}class Plan:\n    down_revision = 'mine'\n",
        f"{HEAD}f(down_revision='x')\nassert down_revision == None\n",
        f"{HEAD}# down_revision = 'gone'\nx = 'down_revision = 3'\n",
        f'"""What it was:\ndown_revision = "gone"\ndepends_on = "gone"\n"""\n{HEAD}',
        f"'''\ndepends_on = \"gone\"\n'''\n{HEAD}",
    ],
)
def test_names_of_another_scope_and_texts_say_nothing(project: Tree, text: str) -> None:
    project.raw("a.py", text)

    assert project.codes() == []


@pytest.mark.usefixtures("both")
def test_a_file_without_down_revision_is_no_migration_as_alembic_stops_there(project: Tree) -> None:
    project.raw("a.py", "revision = 'a'\n")

    assert project.codes() == [("ALEMBIC_NO_REVISION", "a.py")]


@pytest.mark.usefixtures("both")
@pytest.mark.parametrize("ident", ["a-b", "a@b", "a+b", "a:b", "a b", "a\x1b[31m", "a\u202eb"])
def test_an_id_that_alembic_or_the_lock_cannot_hold_is_a_finding(project: Tree, ident: str) -> None:
    project.raw("a.py", f"revision = {ident!r}\ndown_revision = None\n")

    assert [code for code, _ in project.codes()] == ["ALEMBIC_ID_INVALID"]


def test_a_pipe_among_the_migrations_keeps_nobody_waiting(project: Tree) -> None:
    project.add("a", None)
    os.mkfifo(project.file("b.py"))
    found: list[object] = []
    reader = threading.Thread(target=lambda: found.append(project.codes()), daemon=True)
    reader.start()
    reader.join(20)

    assert found == [[("ALEMBIC_UNREADABLE", "b.py")]]


def test_a_loop_of_links_and_a_film_are_findings(project: Tree) -> None:
    project.add("a", None)
    project.file("b.py").symlink_to("b.py")
    project.file("c.py").symlink_to("nowhere")
    with project.file("d.py").open("wb") as film:
        film.truncate(LARGEST + 1)

    assert project.codes() == [("ALEMBIC_UNREADABLE", name) for name in ("b.py", "c.py", "d.py")]


def test_a_folder_that_cannot_be_listed_is_a_finding(project: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    project.ini.write_text(project.ini.read_text() + "recursive_version_locations = true\n")
    project.add("a", None)
    project.file("secret").mkdir()
    listed = os.scandir

    def scandir(path: str) -> object:
        if path.endswith("secret"):
            raise PermissionError(13, "Permission denied", path)
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)

    assert project.codes() == [("ALEMBIC_UNREADABLE", "secret")]


def test_a_folder_that_two_locations_name_is_read_once(tmp_path: Path) -> None:
    from tests.unit.migrations.kit import tree

    project = tree(tmp_path / "p", options="version_locations = %(here)s/alembic/versions %(here)s/link\n")
    (project.root / "link").symlink_to("alembic/versions")
    project.add("a", None)

    assert project.codes() == []


def test_a_file_whose_name_is_no_text_can_be_said(project: Tree) -> None:
    project.add("a", None)
    Path(os.fsdecode(os.fsencode(project.file("x")) + b"\xff\x1b[31m\n.py")).write_text("x = 1\n")

    (mark,) = project.check().marks
    assert mark.file.endswith("x\\xff\\x1b[31m\\n.py")
    assert mark.file.isprintable()
    mark.file.encode()


def test_a_file_that_goes_away_while_it_is_looked_at_is_no_crash(
    project: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    for ident, down in (("a", None), ("b", "a"), ("c", "a")):
        project.add(ident, down)
    read = scanning.scan

    def gone(config: object) -> object:
        found = read(config)  # type: ignore[arg-type]
        for path in project.file("x").parent.iterdir():
            path.unlink()
        return found

    monkeypatch.setattr("ccops.migrations.check.scan", gone)
    (project.root / "alembic" / "released.lock").write_text(f"a {'0' * 64}\n")

    assert {"ALEMBIC_EDITED", "ALEMBIC_HEADS"} == {code for code, _ in project.codes()}


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", None])
def test_a_lock_that_cannot_be_read_is_said(project: Tree, content: bytes | None) -> None:
    project.add("a", None)
    lock = project.root / "alembic" / "released.lock"
    lock.write_bytes(content) if content else lock.mkdir()

    with pytest.raises(UsageError) as told:
        project.check()
    assert told.value.code == "ALEMBIC_LOCK_INVALID"


def test_a_percent_sign_in_the_folder_is_no_interpolation(tmp_path: Path) -> None:
    from tests.unit.migrations.kit import tree

    project = tree(tmp_path / "a%b c%(x)s")
    project.add("a", None)

    assert project.codes() == []


def test_lines_are_read_in_the_encoding_that_the_file_names() -> None:
    assert lines_in("# coding: latin-1\n# é\r\nx".encode("latin-1")) == ["# coding: latin-1", "# é", "x"]
    assert lines_in(b"\xef\xbb\xbfx\n")[0] == "x"
    assert lines_in(b"# coding: klingon\n\xff")[0] == "# coding: klingon"


def test_a_file_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"y" * 300_000)

    assert read_file(path) == b"y" * 300_000


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("revision = str('a')\ndown_revision = None\n", True),
        ("import os\nos.write(1, b'[]')\nrevision = str('a')\ndown_revision = None\n", True),
        ("revision = str('a')\ndown_revision = 5\n", False),
        ("revision = str('a')\ndown_revision = object()\n", False),
        ("revision = str('a')\ndown_revision = [str('b'), 5]\n", False),
        ("revision = str('a')\n", False),
        ("import os\nos._exit(0)\nrevision = str('a')\ndown_revision = None\n", False),
    ],
)
def test_what_a_file_says_when_it_runs_is_believed_only_when_it_makes_sense(
    project: Tree, text: str, fine: bool
) -> None:
    project.raw("a.py", text)

    assert (project.codes(run_dynamic=True) == []) is fine


def test_thousands_of_missing_parents_are_said_soon(project: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        "ccops.migrations.history.History.places_with",
        lambda self, ident, folders: asked.append(ident) or (),
    )
    for number in range(60):
        project.add(f"n{number:04}", f"x{number:04}")

    found = project.check().marks

    assert sum(mark.code == "ALEMBIC_MISSING_PARENT" for mark in found) == 60
    assert len(asked) == 20


NAMES = st.sampled_from(("revision", "down_revision", "depends_on", "branch_labels"))
LINES = st.one_of(
    st.builds(
        "{}{}{}".format,
        NAMES,
        st.sampled_from((" = ", ": str = ", " += ", " := ", ": str")),
        st.sampled_from(("'a'", "None", "''", "'a' 'b'", "('a',)", "f'a'", "'a'  # c", "'a';y=1", "(", "5")),
    ),
    st.builds(
        "{}{} = 'x'".format,
        st.sampled_from(("    ", "if 1: ", "x = ", "# ", "def f(): ", "global ", "(", "x.")),
        NAMES,
    ),
    st.sampled_from(
        (
            '"""',
            "'''",
            '"""doc"""',
            "",
            "Revises: a",
            "f(",
            ")",
            "x = \\",
            "from x import revision",
            "from x import (",
            "    depends_on,",
            "del revision",
            "def revision(): pass",
            "for revision in y: pass",
            "# revision identifiers, used by Alembic.",
            "\x0crevision = 'b'",
            "\rrevision = 'b'",
        )
    ),
)
HEADS = (
    HEAD,
    "revision: str = 'a'\ndown_revision: str | None = None\n",
    '"""m\n\nRevises: b\n"""\nrevision = "a"\ndown_revision = "b"\n',
)


@settings(max_examples=150)
@given(
    st.lists(LINES, max_size=2),
    st.sampled_from(HEADS),
    st.lists(LINES, max_size=2),
    st.sampled_from(("\n", "\r\n")),
)
def test_what_is_read_by_the_head_is_what_the_parser_reads_or_nothing(
    above: list[str], head: str, below: list[str], end: str
) -> None:
    text = "".join(f"{line}\n" for line in above) + head + "\n".join(below)
    source = text.replace("\n", end).encode()
    quick, whole = scanning.read_head(source, "x.py"), scanning.read_source(source, Path("x.py"))

    # What is no Python further down only the parser sees: the newest files are parsed as well.
    assert quick is None or quick == whole or getattr(whole, "code", "") == "ALEMBIC_SYNTAX"
