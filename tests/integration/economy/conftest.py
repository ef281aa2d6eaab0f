"""PostgreSQL and Redis of their own, and two backend processes on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ccops.core.profile import Profile, Project, load_profile
from ccops.stack import engine
from tests.backends import running
from tests.integration.economy.kit import Arena

_SETTINGS = """CCOPS_STACK=embedded
CCOPS_PROTECTED=0
APP_ENV=dev
UNLIMITED_INVITE_CODE=5858
ARGON2_PROFILE=test
MOCK_GATEWAY=0
FRAUD_PAYMENT_LIMIT=0
LOCKOUT_IP_FAILURES=0
CRASH_BETTING_S=5
REFRESH_LEEWAY_S=30
"""


@pytest.fixture(scope="session")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    """Two backends that share everything; payments are answered by the tests alone."""
    root = tmp_path_factory.mktemp("economy")
    for name in ("env", "scenarios"):
        (root / name).mkdir()
    (root / "env" / "dev.env").write_text(_SETTINGS, encoding="utf-8")

    def load() -> Profile:
        return load_profile("dev", Project(root, root / "home"), {"CCOPS_HOME": str(root / "home")})

    engine.up(load(), ("migrate", "redis"))
    try:
        with ExitStack() as stack:
            both = [stack.enter_context(running(load(), root, POOL_SIZE="20")) for _ in range(2)]
            # Holds expire and rounds of crash end while the races run.
            stack.enter_context(running(load(), root, roles="sweeper,crash"))
            yield Arena(load(), [one.url for one in both])
    finally:
        engine.down(load())
