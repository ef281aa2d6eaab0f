"""PostgreSQL, Valkey, two backend processes behind one port and the realtime relay, once a session."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ccops.core.profile import Profile, Project, load_profile
from ccops.stack import engine
from tests.backends import running
from tests.integration.realtime_multi.kit import Player, Several, signup

_SETTINGS = """CCOPS_STACK=embedded
CCOPS_PROTECTED=0
APP_ENV=dev
UNLIMITED_INVITE_CODE=5858
ARGON2_PROFILE=test
LOCKOUT_IP_FAILURES=100000
"""


@pytest.fixture(scope="session")
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Several]:
    root = tmp_path_factory.mktemp("several")
    for name in ("env", "scenarios"):
        (root / name).mkdir()
    (root / "env" / "dev.env").write_text(_SETTINGS, encoding="utf-8")

    def load() -> Profile:
        environ = {"CCOPS_HOME": str(root / "home")}
        # No environment variable on the way: threads of one test may call this at the same moment.
        return load_profile("dev", Project(root, root / "home"), environ)

    engine.up(load(), ("backend",), backend_workers=2)
    try:
        with running(load(), root, roles="realtime-relay"):
            yield Several(load, root)
    finally:
        engine.down(load())


@pytest.fixture
def player(several: Several) -> Callable[[], Player]:
    """Make a user and log them in."""
    return lambda: signup(several)
