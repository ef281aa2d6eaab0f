"""kill -9 of whoever owns a system in a busy run: nothing lost, nothing doubled, money exact."""

from __future__ import annotations

import os
import signal
import time
from urllib.parse import urlsplit

import psutil
import pytest

from tests.conftest import Stack
from tests.integration.faults import truth
from tests.integration.faults.busy import Busy

VICTIMS = {
    "postgres": "CCOPS_DATABASE_URL",
    "redis": "CCOPS_REDIS_URL",
    "kafka": "CCOPS_KAFKA_BOOTSTRAP",
    "clickhouse": "CCOPS_CLICKHOUSE_URL",
    "backend": "CCOPS_BACKEND_URL",
    "worker": "CCOPS_WORKER_URL",
}


def owner_of(address: str, within_s: float = 30.0) -> int:
    """Return the pid that listens on the port of `address`: the process itself, not a wrapper.

    What was killed a moment ago is started again first.
    """
    port = urlsplit(address if "://" in address else f"tcp://{address}").port
    end = time.monotonic() + within_s
    while True:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return connection.pid
        assert time.monotonic() < end, f"nobody listens on {port}"
        time.sleep(0.1)


@pytest.mark.fault
@pytest.mark.parametrize("victim", VICTIMS)
def test_kill_9_in_a_busy_run_loses_nothing_and_doubles_nothing(stack: Stack, victim: str) -> None:
    postgres, clickhouse = stack.url("CCOPS_DATABASE_URL"), stack.url("CCOPS_CLICKHOUSE_URL")
    with Busy(lambda: stack.url("CCOPS_BACKEND_URL")) as busy:
        busy.wait_for(60)
        pid = owner_of(stack.url(VICTIMS[victim]))
        # Right after an acknowledgement: 0 ms is when a broker has promised what it has not yet written.
        busy.wait_for(1)
        os.kill(pid, signal.SIGKILL)
        time.sleep(2.0)
        busy.wait_for(40)

    assert busy.promises.unexpected == []
    truth.until(lambda: truth.differing_ids(postgres, clickhouse), 30)
    truth.until(lambda: truth.purchases_without_one_ledger_row(postgres, busy.promises.purchases), 10)
    assert busy.promises.purchases
    assert set(truth.doubled_rows(clickhouse).values()) == {0}
    assert truth.broken_invariants(postgres) == []
    assert owner_of(stack.url(VICTIMS[victim])) != pid
