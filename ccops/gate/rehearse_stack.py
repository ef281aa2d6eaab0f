"""The stage of a rehearsal: an embedded stack in a temporary home, gone afterwards whatever happens.

Never a given database: a dump is restored into our own one, and what the shell says leads nowhere.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ccops.core.ending import terminated
from ccops.core.errors import CcopsError, Unreachable, UsageError
from ccops.core.profile import Profile, Project, load_profile
from ccops.gate.restore import restore
from ccops.migrations.revision import Revision
from ccops.migrations.scratch import run
from ccops.stack import engine

_USERS = ("backend", "worker")
_OURS = "CCOPS_STACK=embedded\nCCOPS_PROTECTED=0\n"
_ALLOWED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
# As the parser of env files reads a line: blanks before the name are cut there.
_OF_THE_TOOL = re.compile(r"[ \t\r]*(?:export[ \t]+)?CCOPS_")
_JOURNEY_S = 600.0
_TABLES = """
SELECT quote_ident(n.nspname)||'.'||quote_ident(c.relname) FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND c.relname <> 'alembic_version' ORDER BY 1
"""


class StackStage:
    """Runs the steps of a rehearsal; see `ccops.gate.rehearse.Stage`."""

    def __init__(
        self, root: Path, runner: run.Runner, revisions: Sequence[Revision], dump: Path | None, seed: str
    ) -> None:
        self._root, self._runner, self._revisions = root, runner, revisions
        self._dump, self._seed = dump, seed

    def prepare(self) -> str:
        """Start PostgreSQL; restore the dump if there is one, and return the revision it is at."""
        engine.up(self._profile(), ("postgres",))
        if self._dump is None:
            return ""
        restore(self._url, self._dump)
        import psycopg

        with psycopg.connect(self._url) as connection:
            if connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,):
                raise UsageError(
                    "REHEARSE_DUMP", "the dump holds no alembic_version", evidence=str(self._dump),
                    next_step="dump the whole database: pg_dump -Fc --no-owner DATABASE > casino.dump",
                )  # fmt: skip
            rows = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        return ", ".join(sorted(str(row[0]) for row in rows))

    def move(self, direction: str, target: str) -> Sequence[str]:
        """Let the migrations run, without env.py."""
        lines: list[str] = []
        for answer in run.move(self._runner, self._url, direction, target, self._revisions):
            if "failed" in answer:
                at = f"{Path(str(answer['path'])).name}:{answer['line']}: " if answer.get("path") else ""
                raise UsageError(
                    "REHEARSE_MIGRATION", f"the {direction}grade fails",
                    evidence="\n".join([*lines, f"{at}{answer['error']}"]),
                    next_step="ccops alembic check --scratch",
                )  # fmt: skip
            lines.append(f"{answer['revision']} {float(str(answer['seconds'])):.2f} s")
        return lines

    def start(self) -> str:
        """Start everything that the journey needs."""
        state = engine.up(self._profile(), _USERS, seed=self._seed)
        return f"{len(state.services)} services"

    def stop(self) -> str:
        """Stop the programs that hold connections."""
        return ", ".join(engine.down(self._profile(), _USERS))

    def journey(self) -> str:
        """Walk the journey as a process of its own, as a person would."""
        argv = [sys.executable, "-m", "ccops", "smoke", "journey", "--project", str(self._root), "-o", "json"]
        environ = {name: os.environ[name] for name in _ALLOWED if name in os.environ}
        environ |= {"CCOPS_HOME": str(self._root / "home"), "NO_COLOR": "1"}
        child = subprocess.Popen(
            argv, env=environ, cwd=self._root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        try:
            out, said = child.communicate(timeout=_JOURNEY_S)
        except subprocess.TimeoutExpired:
            raise Unreachable(
                "REHEARSE_JOURNEY", "the journey did not end", evidence=f"within {_JOURNEY_S:g} s"
            ) from None
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        if child.returncode:
            raise _journey_failed(child.returncode, out, said)
        return "green"

    def rows(self) -> Mapping[str, int]:
        """Count the rows of every table."""
        import psycopg
        from psycopg import sql

        with psycopg.connect(self._url) as connection:
            names = [str(row[0]) for row in connection.execute(_TABLES).fetchall()]
            found = {}
            for name in names:
                query = sql.SQL("SELECT count(*) FROM ") + sql.SQL(name)
                row = connection.execute(query).fetchone()
                found[name.removeprefix("public.")] = int(row[0]) if row else 0
        return found

    def _profile(self) -> Profile:
        # What the caller's shell says must not lead the rehearsal anywhere.
        home = self._root / "home"
        return load_profile("dev", Project(self._root, home), {"CCOPS_HOME": str(home)})

    @property
    def _url(self) -> str:
        return self._profile().get("CCOPS_DATABASE_URL")


@contextmanager
def stack_stage(
    project: Project,
    env: str,
    runner: run.Runner,
    revisions: Sequence[Revision],
    dump: Path | None,
    seed: str,
) -> Iterator[StackStage]:
    """Make the stage from the scenarios and the backend's settings of `project`; end it on every way out."""
    with tempfile.TemporaryDirectory(prefix="ccops-rehearse-") as folder, terminated():
        root = Path(folder)
        shutil.copytree(project.scenarios, root / "scenarios")
        (root / "env").mkdir()
        source = project.root / "env" / f"{env}.env"
        (root / "env" / "dev.env").write_text(_OURS + settings_of(source), encoding="utf-8")
        stage = StackStage(root, runner, revisions, dump, seed)
        try:
            yield stage
        finally:
            engine.down(stage._profile())


def settings_of(path: Path) -> str:
    """Return an env file without what is meant for the tool: its targets are somebody's systems."""
    lines = path.read_text(encoding="utf-8-sig").split("\n")
    return "".join(f"{line}\n" for line in lines if not _OF_THE_TOOL.match(line))


def _journey_failed(code: int, out: bytes, said: bytes) -> CcopsError:
    try:
        found = json.loads(out)["issues"]
        lines = [f"{one.get('code')}: {one.get('message')}" for one in found]
    except (ValueError, KeyError, TypeError, AttributeError):
        lines = said.decode("utf-8", "replace").strip().splitlines()[-3:]
    return UsageError(
        "REHEARSE_JOURNEY", f"the journey ended with {code}", evidence="\n".join(lines[:12]),
        next_step="ccops smoke journey --up",
    )  # fmt: skip
