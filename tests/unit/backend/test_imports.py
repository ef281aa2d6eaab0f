"""The backend starts without the clients that it needs rarely or never."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("confluent_kafka", "clickhouse_connect", "httpx", "chdb", "sqlalchemy")
_LOADED = "import sys, ccops.backend.main; print(*sorted({name.split('.')[0] for name in sys.modules}))"


def test_the_backend_loads_no_heavy_client_at_start() -> None:
    done = subprocess.run([sys.executable, "-c", _LOADED], capture_output=True, text=True, check=True)
    assert "fastapi" in done.stdout.split()
    assert set(HEAVY) & set(done.stdout.split()) == set()
