"""On the shared stores every test runs a worker of its own that it may kill."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.pipeline.kit import Player, Stores
from tests.web import http_client

_HERE = Path(__file__).parent
_numbers = itertools.count(1)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the outages behind the rest: they leave a hundred megabytes, which all others would read again."""
    late = [item for item in items if item.path == _HERE / "test_outages.py"]
    items[:] = [item for item in items if item not in late]
    last = max((at for at, item in enumerate(items) if item.path.parent == _HERE), default=-1)
    items[last + 1 : last + 1] = late


@pytest.fixture
def player(stores: Stores) -> Callable[[], Player]:
    """Make a user and log them in."""

    def make() -> Player:
        name = f"p{next(_numbers)}{secrets.token_hex(3)}"
        with http_client(stores.url("BACKEND_URL")) as http:
            body = {"site_id": name, "password": f"pw-{name}-secret"}
            more = {"invite_code": "5858", "nickname": name, "birth_date": "1990-05-17"}
            made = http.post("/api/auth/signup", json=body | more)
            assert made.status_code == 201, made.text
            login = http.post("/api/auth/login", json=body)
            return Player(stores, made.json()["user"]["id"], login.json()["access_token"])

    return make
