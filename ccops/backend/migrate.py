"""Bring the database to the packaged head: `python -m ccops.backend.migrate [--seed demo|none]`.

Alembic takes a second to import, so it is imported only when there is something to do.
"""

from __future__ import annotations

import argparse
import ast
import sys
from pathlib import Path

from ccops.backend import seed
from ccops.backend.core.config import settings

_HERE = Path(__file__).parent


def packaged_heads(folder: Path = _HERE / "alembic" / "versions") -> list[str]:
    """Return the revisions no other names as its parent: computed from the files, nothing is imported."""
    revisions: set[str] = set()
    parents: set[str] = set()
    for path in sorted(folder.glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id
                if name == "revision":
                    revisions.add(ast.literal_eval(node.value))
                elif name == "down_revision":
                    value = ast.literal_eval(node.value)
                    parents |= set(value if isinstance(value, tuple) else (value,))
    return sorted(revisions - parents)


def database_heads() -> list[str]:
    """Return what `alembic_version` holds; empty when the database is new."""
    import psycopg

    with psycopg.connect(settings.database_url, connect_timeout=10) as conn:
        if conn.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,):
            return []
        return sorted(row[0] for row in conn.execute("SELECT version_num FROM alembic_version"))


def upgrade() -> None:
    """Run Alembic's upgrade to the head."""
    from alembic import command
    from alembic.config import Config

    command.upgrade(Config(str(_HERE / "alembic.ini")), "head")


def main(argv: list[str] | None = None) -> int:
    """Upgrade if needed, load the seed, say what was done. Exit 1 when there is not exactly one head."""
    parser = argparse.ArgumentParser(prog="python -m ccops.backend.migrate")
    parser.add_argument("--seed", choices=("demo", "none"), default="none")
    kind = parser.parse_args(argv).seed
    wanted = packaged_heads()
    if len(wanted) != 1:
        sys.stderr.write(f"expected exactly one head, found {len(wanted)}: {', '.join(wanted)}\n")
        return 1
    done = "already there"
    if database_heads() != wanted:
        upgrade()
        done = "upgraded"
    administrator = seed.load(kind)
    sys.stdout.write(f"head {wanted[0]} ({done}), seed {kind}, administrator {administrator}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
