"""The four stores and the backend, started once; every test runs a worker of its own that it may kill."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Iterator

import httpx
import pytest

from ccops.core.profile import Profile, Project, load_profile
from ccops.stack import engine
from tests.integration.pipeline.kit import Player, Stores

_SETTINGS = """CCOPS_STACK=embedded
CCOPS_PROTECTED=0
APP_ENV=dev
UNLIMITED_INVITE_CODE=5858
ARGON2_PROFILE=test
"""
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """PostgreSQL, Valkey, the broker, ClickHouse and the backend; no worker."""
    root = tmp_path_factory.mktemp("pipeline")
    for name in ("env", "scenarios"):
        (root / name).mkdir()
    (root / "env" / "dev.env").write_text(_SETTINGS, encoding="utf-8")

    def load() -> Profile:
        environ = {"CCOPS_HOME": str(root / "home")}
        # No environment variable on the way: threads of one test may call this at the same moment.
        return load_profile("dev", Project(root, root / "home"), environ)

    engine.up(load(), ("backend", "kafka", "clickhouse"))
    try:
        yield Stores(load, root)
    finally:
        engine.down(load())


@pytest.fixture
def player(stores: Stores) -> Callable[[], Player]:
    """Make a user and log them in."""

    def make() -> Player:
        name = f"p{next(_numbers)}{secrets.token_hex(3)}"
        with httpx.Client(base_url=stores.url("BACKEND_URL"), trust_env=False) as http:
            body = {"site_id": name, "password": f"pw-{name}-secret"}
            more = {"invite_code": "5858", "nickname": name, "birth_date": "1990-05-17"}
            made = http.post("/api/auth/signup", json=body | more)
            assert made.status_code == 201, made.text
            login = http.post("/api/auth/login", json=body)
            return Player(stores, made.json()["user"]["id"], login.json()["access_token"])

    return make
