"""The socket that several processes share, and how their number changes."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from ccops.stack import engine
from ccops.stack.listeners import Listeners
from ccops.stack.service import Service

if TYPE_CHECKING:
    from tests.integration.stack.conftest import Bench


def test_the_shared_socket_empties_its_folders_once_and_closes_with_the_last(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "old").touch()
    service = Service("backend-1", (), listen=port, emptied=(tmp_path / "kept",))
    listeners = Listeners()

    handle = listeners.open(service)
    (tmp_path / "kept" / "new").touch()

    assert listeners.open(service) == handle
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["new"]
    socket.create_connection(("127.0.0.1", port), 2).close()
    listeners.close_unused((port,))
    socket.create_connection(("127.0.0.1", port), 2).close()
    listeners.close_unused(())
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 2)


@pytest.mark.slow
def test_processes_are_added_while_they_run_and_taken_away_after_a_stop(bench: Bench) -> None:
    bench.settings("CCOPS_BACKEND_WORKERS=2", "ARGON2_PROFILE=test")

    two = bench.cli("up", "backend")
    first = engine.pid_of(bench.profile(), "backend-1")
    three = bench.cli("up", "backend", "--backend-workers", "3")
    fewer = bench.cli("up", "backend", "--backend-workers", "2")

    assert (two.returncode, three.returncode, fewer.returncode) == (0, 0, 3), two.stderr + three.stderr
    assert "ccops down backend" in fewer.stderr
    assert engine.pid_of(bench.profile(), "backend-1") == first
    assert bench.profile().get("CCOPS_BACKEND_WORKERS") == "3"

    down = bench.cli("down", "backend")
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{bench.profile().get('CCOPS_BACKEND_URL')}/health", trust_env=False)
    one = bench.cli("up", "backend", "--backend-workers", "1")
    rows = json.loads(bench.cli("status", "-o", "json").stdout)["data"]["services"]

    assert "stopped: backend-1, backend-2, backend-3" in down.stdout
    assert one.returncode == 0, one.stderr
    assert [row["name"] for row in rows if "backend" in row["name"]] == ["backend"]
    assert httpx.get(f"{bench.profile().get('CCOPS_BACKEND_URL')}/health", trust_env=False).is_success
    assert bench.profile().values["CCOPS_BACKEND_WORKERS"].text == "2"  # the file's again
