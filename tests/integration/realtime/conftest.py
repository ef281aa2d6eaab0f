"""On the shared stores: the stack's backend, a second one with short intervals, and one relay."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Iterator

import pytest

from tests.integration.pipeline.kit import Stores, Worker
from tests.integration.realtime.kit import Backend, User, backend
from tests.web import http_client

_numbers = itertools.count(1)


@pytest.fixture(scope="package", autouse=True)
def relay(stores: Stores) -> Iterator[Worker]:
    """The one that numbers and publishes."""
    with stores.worker("realtime-relay") as worker:
        yield worker


@pytest.fixture(scope="session")
def main(stores: Stores) -> Backend:
    """The stack's backend, with the intervals and switches of production."""
    return Backend(stores.url("BACKEND_URL"), stores.folder / "none", None)


@pytest.fixture(scope="package")
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
        with http_client(main.url) as http:
            more = {"invite_code": "5858", "nickname": name, "birth_date": "1990-05-17"}
            made = http.post("/api/auth/signup", json=body | more)
            assert made.status_code == 201, made.text
        return User(main.url, made.json()["user"]["id"], body)

    return make
