from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ccops.migrations.scratch.server import Server, scratch_server
from tests.unit.migrations.kit import Tree, tree


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One scratch PostgreSQL for all tests of this folder."""
    with scratch_server() as made:
        yield made


@pytest.fixture
def project(tmp_path: Path) -> Tree:
    """An empty Alembic project, whose env.py ends whoever runs it."""
    made = tree(tmp_path / "project")
    (made.root / "alembic" / "env.py").write_text("raise SystemExit('env.py ran')\n")
    return made
