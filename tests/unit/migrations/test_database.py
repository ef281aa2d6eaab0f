"""Where a database stands; and that one which is not there is never a pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccops.__main__ import main
from ccops.migrations.database import Stand, stand_marks
from tests.unit.migrations.kit import Tree


@pytest.fixture
def chain(project: Tree) -> Tree:
    for ident, down in (("aa", None), ("bb", "aa"), ("cc", "bb")):
        project.add(ident, down)
    return project


@pytest.mark.parametrize(
    ("stand", "codes"),
    [
        (Stand(("cc",)), []),
        (Stand(("aa",)), ["ALEMBIC_DB_BEHIND"]),
        (Stand(("zz",)), ["ALEMBIC_DB_UNKNOWN"]),
        (Stand(("bb", "cc")), ["ALEMBIC_DB_ROWS"]),
        (Stand(("aa", "bb")), ["ALEMBIC_DB_ROWS", "ALEMBIC_DB_BEHIND"]),
        (Stand(()), ["ALEMBIC_DB_EMPTY"]),
        (Stand((), table=False), ["ALEMBIC_DB_EMPTY"]),
    ],
)
def test_every_stand_has_its_finding(chain: Tree, stand: Stand, codes: list[str]) -> None:
    assert [mark.code for mark in stand_marks(stand, chain.check().graph)] == codes


def test_what_is_pending_is_listed_in_the_order_it_will_run(chain: Tree) -> None:
    (mark,) = stand_marks(Stand(("aa",)), chain.check().graph)

    assert mark.detail == "bb\ncc"


@pytest.mark.parametrize(
    "call", [["alembic", "check", "--db"], ["alembic", "sizes"], ["env", "check", "--live"]]
)
def test_a_database_without_an_address_is_unreachable_and_not_fine(
    call: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CCOPS_HOME", str(tmp_path))
    monkeypatch.delenv("CCOPS_DATABASE_URL", raising=False)

    assert main(call) == 4
    assert "STACK_DOWN" in capsys.readouterr().err
