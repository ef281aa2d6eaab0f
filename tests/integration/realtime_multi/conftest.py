"""PostgreSQL, Valkey, two backend processes behind one port and the realtime relay, once a session."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.backends import running
from tests.integration.realtime_multi.kit import Player, Several, signup
from tests.stacks import stack


@pytest.fixture(scope="session")
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Several]:
    root = tmp_path_factory.mktemp("several")
    with stack(root, "backend", backend_workers=2, LOCKOUT_IP_FAILURES="100000") as load:
        with running(load(), root, roles="realtime-relay"):
            yield Several(load, root)


@pytest.fixture
def player(several: Several) -> Callable[[], Player]:
    """Make a user and log them in."""
    return lambda: signup(several)
