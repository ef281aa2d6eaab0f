"""Makes Alembic projects of files: nothing of them can run, and some would do harm if it did."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from ccops.migrations.check import Checked, Wanted, check

# Whoever imports such a file ends.
HARM = "raise SystemExit('a migration was imported')\n"


@dataclass(frozen=True)
class Tree:
    """An Alembic project in a folder of its own."""

    root: Path

    @property
    def ini(self) -> Path:
        return self.root / "alembic.ini"

    def file(self, name: str) -> Path:
        return self.root / "alembic" / "versions" / name

    def add(self, ident: str, down: str | tuple[str, ...] | None, *, body: str = "", doc: str = "") -> Path:
        path = self.file(f"{ident}.py")
        head = f'"""{doc}"""\n' if doc else ""
        path.write_text(
            f"{head}revision = {ident!r}\ndown_revision = {down!r}\n{body}{HARM}", encoding="utf-8"
        )
        return path

    def raw(self, name: str, text: str | bytes) -> Path:
        path = self.file(name)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def check(self, **wanted: object) -> Checked:
        return check(Wanted(self.ini, **wanted))  # type: ignore[arg-type]

    def codes(self, **wanted: object) -> list[tuple[str, str]]:
        """Return code and subject of every finding, sorted."""
        return sorted((mark.code, mark.subject) for mark in self.check(**wanted).marks)

    def git(self, *args: str) -> str:
        who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false")
        argv = ["git", "-C", str(self.root), *who, *args]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout

    def commit(self, message: str = "change") -> None:
        self.git("add", ".")
        self.git("commit", "-qm", message)


def tree(root: Path, *, options: str = "") -> Tree:
    """Make an empty project."""
    (root / "alembic" / "versions").mkdir(parents=True)
    (root / "alembic.ini").write_text(
        f"[alembic]\nscript_location = %(here)s/alembic\n{options}", encoding="utf-8"
    )
    return Tree(root)
