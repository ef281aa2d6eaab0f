from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.migrations.kit import Tree, tree


@pytest.fixture
def project(tmp_path: Path) -> Tree:
    """An empty Alembic project."""
    return tree(tmp_path / "project")
