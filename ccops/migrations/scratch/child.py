"""Runs migrations on a scratch database, without env.py. Started by path with the project's own Python.

One JSON request on stdin, one JSON line per answer on the real stdout; what migrations print goes to stderr.
env.py is code of the project that chooses the database: here the database is chosen by us, so that no
setting of the project can lead a migration anywhere else. Imports nothing of ccops: the project's Python
need not have it.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import re
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

Say = Callable[[dict[str, object]], None]
Applied = Callable[..., None]  # with the step that was applied, and more by keyword
# ruff: noqa: BLE001 - whatever a migration raises, SystemExit included, is an answer


class Step(TypedDict):
    """One revision of a request."""

    id: str
    down: list[str]
    path: str


class Request(TypedDict, total=False):
    """What is asked; each job needs some of it."""

    job: str
    config: str
    script_location: str
    sys_path: list[str]
    url: str
    metadata: str
    order: list[Step]
    check: list[Step]
    target: str
    direction: str


class Held(TypedDict):
    """A table, what is locked of it, and the file its rows are in."""

    name: str
    modes: set[str]
    filenode: int


Look = tuple[dict[int, Held], dict[int, int]]

_HERE = Path(__file__).parent
_SNAPSHOT = (_HERE / "snapshot.sql").read_text(encoding="utf-8")
_LOCKS = (_HERE / "locks.sql").read_text(encoding="utf-8")
_SCANS = "SELECT relid, seq_scan FROM pg_stat_xact_user_tables"
_STRENGTH = (
    "AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock",
    "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock",
)  # fmt: skip


class Project:
    """The scripts of an Alembic project, and an engine that leads to the scratch database only."""

    def __init__(self, request: Request) -> None:
        from alembic.config import Config
        from alembic.script import ScriptDirectory
        from sqlalchemy import create_engine, pool

        for folder in reversed(request["sys_path"]):
            sys.path.insert(0, folder)
        path = request["config"]
        self.config = Config(toml_file=path) if path.endswith(".toml") else Config(path)
        self.config.set_main_option("script_location", request["script_location"])
        self.script = ScriptDirectory.from_config(self.config)
        # Offline rendering connects to nothing; psycopg opens no socket before the first use.
        url = request.get("url", "postgresql+psycopg://nobody@127.0.0.1:9/nothing")
        self.engine = create_engine(url, poolclass=pool.NullPool)

    def run(self, steps: object, connection: Connection, *, applied: Applied | None = None) -> None:
        """Run `steps(revision, context)` on `connection`, each migration in a transaction of its own.

        `applied` is Alembic's on_version_apply: it is called behind each.
        """
        from alembic.runtime.environment import EnvironmentContext

        with EnvironmentContext(self.config, self.script, fn=steps) as env:
            env.configure(connection=connection, transaction_per_migration=True, on_version_apply=applied)
            with env.begin_transaction():
                env.run_migrations()

    def up(self, target: str, connection: Connection) -> None:
        """Upgrade to `target`."""
        self.run(lambda revision, context: self.script._upgrade_revs(target, revision), connection)

    def down(self, ident: str, connection: Connection) -> None:
        """Take one revision back and nothing else: its siblings of a fork stay."""
        from alembic.runtime.migration import MigrationStep

        step = MigrationStep.downgrade_from_script(self.script.revision_map, self.script.get_revision(ident))
        self.run(lambda revision, context: [step], connection)

    def sql(self, revision: str, parents: list[str], path: str) -> Rendered:
        """Return the SQL of one revision's upgrade; nothing is connected to."""
        from alembic.runtime.environment import EnvironmentContext

        out = Rendered(path)
        start = parents[0] if parents else "base"
        steps = lambda rev, context: self.script._upgrade_revs(revision, rev)  # noqa: E731
        with EnvironmentContext(
            self.config, self.script, fn=steps, as_sql=True, starting_rev=start, destination_rev=revision
        ) as env:
            env.configure(
                dialect_name="postgresql", as_sql=True, output_buffer=out, literal_binds=True,
                transactional_ddl=False,
            )  # fmt: skip
            # Alembic's stand-in for a connection knows `execute` only.
            vars(env.get_context().connection)["exec_driver_sql"] = out.driver_sql
            env.run_migrations()
        return out


class Rendered(io.StringIO):
    """SQL as it is rendered, and which line of the migration each piece came from."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self._at = 0
        self.lines: list[tuple[int, int]] = []  # line of the SQL from 0, line of the migration

    def write(self, text: str) -> int:
        line = line_in(self._path)
        if line is not None and text.strip():
            self.lines.append((self._at, line))
        self._at += text.count("\n")
        return super().write(text)

    def driver_sql(self, statement: str, *parameters: object) -> None:
        """Take SQL that goes to the driver as it is; it has no result here."""
        if any(parameters):
            raise NotImplementedError("the driver's parameters can't be rendered")
        # Of a driver that looks for placeholders two signs are one.
        self.write(statement.replace("%%", "%").rstrip().rstrip(";") + ";\n\n")


def line_in(path: str) -> int | None:
    """Return the line of `path` that is being run right now, None outside of it."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename == path:
            return frame.f_lineno
        frame = frame.f_back
    return None


class Watch:
    """Sees every statement of one revision: the locks it took, what it rewrote, what it scanned."""

    def __init__(self, engine: Engine, path: str) -> None:
        from sqlalchemy import event

        self.path = str(Path(path))
        self.found: list[dict[str, object]] = []
        self.known: set[int] | None = None
        self.before: Look = ({}, {})
        event.listen(engine, "before_cursor_execute", self._before)
        event.listen(engine, "after_cursor_execute", self._after)

    def _look(self, connection: Connection) -> Look:
        cursor = connection.connection.cursor()
        cursor.execute(_LOCKS)
        tables: dict[int, Held] = {}
        for oid, name, mode, filenode in cursor.fetchall():
            held = tables.setdefault(oid, {"name": name, "modes": set(), "filenode": filenode})
            if mode:
                held["modes"].add(mode)
        cursor.execute(_SCANS)
        scans = dict(cursor.fetchall())
        cursor.close()
        return tables, scans

    def _before(self, connection: Connection, *_: object) -> None:
        if broken(connection):
            self.before = ({}, {})  # about to go back to a savepoint: nothing can be asked
            return
        self.before = self._look(connection)
        if self.known is None:
            self.known = set(self.before[0])

    def _after(self, connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        line, known = line_in(self.path), self.known or set()
        if line is None:
            return
        tables, scans = self._look(connection)
        was, scanned = self.before
        touched: dict[str, object] = {}
        for oid, now in tables.items():
            old = was.get(oid)
            if oid not in known or old is None:
                continue  # made by this revision: nobody waits for it
            new = now["modes"] - old["modes"]
            rewritten = now["filenode"] != old["filenode"]
            more = scans.get(oid, 0) > scanned.get(oid, 0)
            if new or rewritten or (more and now["modes"]):
                mode = max(new or now["modes"], key=_STRENGTH.index, default="")
                touched[now["name"]] = {"mode": mode, "rewrite": rewritten, "scan": more}
        gone = {
            was[oid]["name"]: {"mode": "AccessExclusiveLock", "rewrite": False, "scan": False}
            for oid in known & set(was)
            if oid not in tables
        }
        self.found.append({"line": line, "sql": statement, "tables": touched | gone, "at": time.time()})


def broken(connection: Connection) -> bool:
    """Return whether a statement failed in the transaction that is under way."""
    from psycopg.pq import TransactionStatus

    driver: object = connection.connection.dbapi_connection
    status: object = getattr(getattr(driver, "info", None), "transaction_status", None)
    return status == TransactionStatus.INERROR


def snapshot(connection: Connection) -> list[list[str]]:
    """Return what exists, as rows."""
    return [list(map(str, row)) for row in connection.exec_driver_sql(_SNAPSHOT)]


def stairs(project: Project, request: Request, say: Say) -> None:
    """Go up all revisions; around each of `check`: down and up again. Says snapshots and locks of each."""
    wanted = {one["id"]: one for one in request["check"]}
    for step in request["order"]:
        one = wanted.get(step["id"])
        with project.engine.connect() as connection:
            before = snapshot(connection) if one else None
            connection.rollback()
        with project.engine.connect() as connection:
            watch = Watch(project.engine, step["path"]) if one else None
            try:
                project.up(step["id"], connection)
            except BaseException as error:
                say({"revision": step["id"], "failed": "upgrade", **told(error, step["path"])})
                return
            finally:
                if watch is not None:
                    unlisten(project.engine, watch)
        if not one:
            continue
        statements = watch.found if watch else []
        answer: dict[str, object] = {"revision": step["id"], "before": before, "statements": statements}
        with project.engine.connect() as connection:
            answer["after"] = snapshot(connection)
            connection.rollback()
        if len(step["down"]) <= 1:
            answer |= back_and_forth(project, step)
        say(answer)
        if answer.get("failed") == "again":
            return


def back_and_forth(project: Project, step: Step) -> dict[str, object]:
    """Downgrade one revision and upgrade again; return the snapshots, or what failed."""
    found: dict[str, object] = {}
    with project.engine.connect() as connection:
        try:
            project.down(step["id"], connection)
        except BaseException as error:
            return {"failed": "downgrade", **told(error, step["path"])}
    with project.engine.connect() as connection:
        found["down"] = snapshot(connection)
        connection.rollback()
        try:
            project.up(step["id"], connection)
        except BaseException as error:
            return found | {"failed": "again", **told(error, step["path"])}
    with project.engine.connect() as connection:
        found["again"] = snapshot(connection)
    return found


def unlisten(engine: Engine, watch: Watch) -> None:
    """Take a watch off the engine."""
    from sqlalchemy import event

    event.remove(engine, "before_cursor_execute", watch._before)
    event.remove(engine, "after_cursor_execute", watch._after)


def drift(project: Project, request: Request, say: Say) -> None:
    """Say what autogenerate would change in a database at the heads."""
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy import MetaData

    module, _, name = request["metadata"].partition(":")
    metadata: object = importlib.import_module(module)
    for part in name.split("."):
        metadata = getattr(metadata, part)
    if not isinstance(metadata, MetaData):
        raise TypeError(f"{request['metadata']} is no MetaData")
    with project.engine.connect() as connection:
        project.up("heads", connection)
    with project.engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        found: list[tuple[object, ...]] = []
        for one in compare_metadata(context, metadata):
            found += one if isinstance(one, list) else [one]
        say({"drift": [[str(one[0]), named(one)] for one in found]})


def named(operation: tuple[object, ...]) -> str:
    """Return the objects of a drift operation as words that stay the same from run to run."""
    return " ".join(called(part) for part in operation[1:] if part is not None and not isinstance(part, dict))


def called(part: object) -> str:
    """Return what tells an object from others: schema, table, name, columns, the text of a default."""
    table, name = getattr(part, "table", None), getattr(part, "name", None)
    if table is None:
        default = getattr(getattr(part, "arg", None), "text", getattr(part, "arg", None))
        text = str(getattr(part, "fullname", None) or name or (part if default is None else default))
        return re.sub(r" at 0x[0-9a-f]+", "", text)
    listed = getattr(part, "expressions", None) or getattr(part, "columns", None)
    columns = f"({','.join(map(column, listed))})" if listed is not None and not hasattr(part, "type") else ""
    targets = [str(one.target_fullname) for one in getattr(part, "elements", ())]
    own = f".{name}" if name else ""
    return f"{getattr(table, 'fullname', '')}{own}{columns}" + (f"->{','.join(targets)}" if targets else "")


def column(part: object) -> str:
    """Return a column's name, or an expression of an index."""
    return str(getattr(part, "name", None) or part)


def move(project: Project, request: Request, say: Say) -> None:
    """Go up or down to `target`; say each revision and the seconds it took, and the one that failed."""
    began = time.monotonic()

    def applied(*, step: object, **_: object) -> None:
        nonlocal began
        now = time.monotonic()
        say({"revision": getattr(step, "up_revision_id", ""), "seconds": now - began})
        began = now

    target, script = request["target"], project.script
    ways = {"up": script._upgrade_revs, "down": script._downgrade_revs}
    way = ways[request["direction"]]
    with project.engine.connect() as connection:
        try:
            project.run(lambda revision, context: way(target, revision), connection, applied=applied)
        except BaseException as error:
            frames = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
            path = next((one["path"] for one in request["check"] if one["path"] in frames), "")
            say({"failed": request["direction"], "path": path, **told(error, path)})


def render(project: Project, request: Request, say: Say) -> None:
    """Say the SQL of each revision of `check`; one that can't be rendered says why."""
    for one in request["check"]:
        try:
            out = project.sql(one["id"], one["down"], str(Path(one["path"])))
            say({"revision": one["id"], "sql": out.getvalue(), "lines": out.lines})
        except BaseException as error:
            say({"revision": one["id"], **told(error, one["path"])})


def told(error: BaseException, path: str) -> dict[str, object]:
    """Return what went wrong, and the line of the migration it came from."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(Path(path))
    ]
    text = str(error).strip().splitlines()
    return {
        "error": f"{type(error).__name__}: {text[0] if text else ''}"[:500],
        "line": frames[-1].lineno if frames else 0,
    }


def main() -> None:
    """Answer one request."""
    # What a migration or a program it starts prints goes to stderr: stdout is for answers alone.
    real = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr

    def say(answer: dict[str, object]) -> None:
        real.write(json.dumps(answer) + "\n")
        real.flush()

    request = json.loads(sys.stdin.read())
    try:
        project = Project(request)
        jobs = {"stairs": stairs, "drift": drift, "render": render, "move": move}
        jobs[request["job"]](project, request, say)
    except BaseException as error:
        say({"broken": f"{type(error).__name__}: {error}"[:1000]})
        return
    say({"done": True})


if __name__ == "__main__":
    main()
