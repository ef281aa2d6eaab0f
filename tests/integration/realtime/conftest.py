"""PostgreSQL, Valkey and the backend from the stack; a second backend with short intervals; one relay."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Iterator

import httpx
import pytest

from ccops.core.profile import Profile, Project, load_profile
from ccops.stack import engine
from tests.integration.pipeline.kit import Stores, Worker
from tests.integration.realtime.kit import Backend, User, backend

_SETTINGS = """CCOPS_STACK=embedded
CCOPS_PROTECTED=0
APP_ENV=dev
UNLIMITED_INVITE_CODE=5858
ARGON2_PROFILE=test
"""
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """PostgreSQL, Valkey and the backend; no broker, no ClickHouse."""
    root = tmp_path_factory.mktemp("realtime")
    for name in ("env", "scenarios"):
        (root / name).mkdir()
    (root / "env" / "dev.env").write_text(_SETTINGS, encoding="utf-8")

    def load() -> Profile:
        return load_profile("dev", Project(root, root / "home"), {"CCOPS_HOME": str(root / "home")})

    engine.up(load(), ("backend",))
    try:
        yield Stores(load, root)
    finally:
        engine.down(load())


@pytest.fixture(scope="session", autouse=True)
def relay(stores: Stores) -> Iterator[Worker]:
    """The one that numbers and publishes."""
    with stores.worker("realtime-relay") as worker:
        yield worker


@pytest.fixture(scope="session")
def main(stores: Stores) -> Backend:
    """The stack's backend, with the intervals and switches of production."""
    return Backend(stores.url("BACKEND_URL"), stores.folder / "none", None)


@pytest.fixture(scope="session")
def quick(stores: Stores) -> Iterator[Backend]:
    """A second process on the same stores: short intervals, old socket and token in the address allowed."""
    fast = {"WS_PING_EVERY_S": "0.5", "WS_PONG_WITHIN_S": "0.5", "WS_POSITION_CHECK_S": "0.5"}
    with backend(stores, ALLOW_WS_QUERY_TOKEN="1", ENABLE_LEGACY_GAMES_WS="1", **fast) as found:
        yield found


@pytest.fixture
def user(main: Backend) -> Callable[[], User]:
    """Make a user; `login()` of one opens another session."""

    def make() -> User:
        name = f"r{next(_numbers)}{secrets.token_hex(3)}"
        body = {"site_id": name, "password": f"pw-{name}-secret"}
        with httpx.Client(base_url=main.url, trust_env=False) as http:
            more = {"invite_code": "5858", "nickname": name, "birth_date": "1990-05-17"}
            made = http.post("/api/auth/signup", json=body | more)
            assert made.status_code == 201, made.text
        return User(main.url, made.json()["user"]["id"], body)

    return make
