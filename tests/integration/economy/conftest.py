"""PostgreSQL and Redis of their own, and two backend processes on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.backends import running
from tests.integration.economy.kit import Arena
from tests.stacks import stack

_SETTINGS = {
    "MOCK_GATEWAY": "0",
    "FRAUD_PAYMENT_LIMIT": "0",
    "LOCKOUT_IP_FAILURES": "0",
    "CRASH_BETTING_S": "5",
    "REFRESH_LEEWAY_S": "30",
}


@pytest.fixture(scope="session")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    """Two backends that share everything; payments are answered by the tests alone."""
    root = tmp_path_factory.mktemp("economy")
    with stack(root, "migrate", "redis", **_SETTINGS) as load, ExitStack() as processes:
        both = [processes.enter_context(running(load(), root, POOL_SIZE="20")) for _ in range(2)]
        # Holds expire and rounds of crash end while the races run.
        processes.enter_context(running(load(), root, roles="sweeper,crash"))
        yield Arena(load(), [one.url for one in both])
