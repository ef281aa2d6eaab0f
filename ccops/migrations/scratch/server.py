"""A PostgreSQL of our own for scratch databases: in a temporary home, gone afterwards whatever happens.

Never a given address: a migration that is tried out must not be able to meet data of anybody.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ccops.core.ending import terminated
from ccops.core.profile import Profile, Project, load_profile
from ccops.stack import engine

_ENV = "CCOPS_STACK=embedded\nCCOPS_PROTECTED=0\nAPP_ENV=dev\nUNLIMITED_INVITE_CODE=5858\n"


@dataclass(frozen=True, slots=True)
class Server:
    """A running scratch server. `url` is that of its maintenance database and holds a password."""

    url: str

    @contextmanager
    def database(self) -> Iterator[str]:
        """Make an empty database with a random name; yield its URL; drop it with whoever is connected."""
        import psycopg
        from psycopg import sql

        name = f"ccops_scratch_{secrets.token_hex(6)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            try:
                yield f"{self.url.rpartition('/')[0]}/{name}"
            finally:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def scratch_server() -> Iterator[Server]:
    """Start the embedded PostgreSQL alone. Raises Refused or Unreachable when it can't be had."""
    with tempfile.TemporaryDirectory(prefix="ccops-scratch-") as folder, terminated():
        root = Path(folder)
        for name in ("env", "scenarios"):
            (root / name).mkdir()
        (root / "env" / "dev.env").write_text(_ENV, encoding="utf-8")

        def profile() -> Profile:
            # What the caller's shell says must not lead the scratch server anywhere.
            return load_profile("dev", Project(root, root / "home"), {"CCOPS_HOME": str(root / "home")})

        try:
            engine.up(profile(), ("postgres",))
            yield Server(profile().get("CCOPS_DATABASE_URL"))
        finally:
            engine.down(profile())
