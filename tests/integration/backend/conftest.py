"""One real backend a session, on a real PostgreSQL and Valkey that the stack engine starts."""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
import pytest
import redis
from psycopg.rows import dict_row

from ccops.core.profile import Profile
from tests.answers import Seen, listening
from tests.stacks import stack

_numbers = itertools.count(1)
_HERE = Path(__file__).parent
_JUDGES = ("test_every_declared_answer_was_produced", "test_no_answer_was_seen_that_nobody_declared")
_deselected: list[pytest.Item] = []


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Remember what was left out: a part of the folder can't show what the whole folder produces."""
    _deselected.extend(item for item in items if item.path.is_relative_to(_HERE))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the two tests that judge all answers behind the last test of this folder."""
    judges = [item for item in items if item.name in _JUDGES and item.path.is_relative_to(_HERE)]
    items[:] = [item for item in items if item not in judges]
    last = max((at for at, item in enumerate(items) if item.path.is_relative_to(_HERE)), default=-1)
    items[last + 1 : last + 1] = judges


@pytest.fixture(scope="session", autouse=True)
def seen_answers() -> Iterator[Seen]:
    """Every answer that the tests of this folder got."""
    with listening() as seen:
        yield seen


@pytest.fixture(scope="session")
def whole_folder_ran(request: pytest.FixtureRequest) -> bool:
    """Whether every test of this folder is part of this run."""
    chosen = {item.path for item in request.session.items}
    single = any("::" in argument for argument in request.config.args)
    return not single and not _deselected and set(_HERE.rglob("test_*.py")) <= chosen


@dataclass
class Backend:
    """A running backend. `load()` gives the profile that the engine's functions take."""

    load: Callable[[], Profile]

    @property
    def url(self) -> str:
        return self.load().get("CCOPS_BACKEND_URL")


@dataclass
class Account:
    """A user of one test, logged in; `get` and `post` send their token."""

    http: httpx.Client
    id: int
    site_id: str
    nickname: str
    password: str
    login: dict = field(repr=False)

    @property
    def token(self) -> str:
        return self.login["access_token"]

    @property
    def auth(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def get(self, path: str, **more: object) -> httpx.Response:
        headers = {**self.auth, **more.pop("headers", {})}
        return self.http.get(path, headers=headers, **more)

    def post(self, path: str, json: object = None, **more: object) -> httpx.Response:
        headers = {**self.auth, **more.pop("headers", {})}
        return self.http.post(path, json=json, headers=headers, **more)


@pytest.fixture(scope="session")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """The stack up to the backend, in a home of its own; ARGON2_PROFILE=test keeps hashing cheap."""
    settings = {"GAME_TZ": "Asia/Seoul", "LOCKOUT_IP_FAILURES": "100000"}
    with stack(tmp_path_factory.mktemp("project"), "backend", **settings) as load:
        yield Backend(load)


@pytest.fixture(scope="session")
def http(backend: Backend) -> Iterator[httpx.Client]:
    """A client without a token."""
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    with httpx.Client(base_url=backend.url, timeout=20, trust_env=False, limits=limits) as client:
        yield client


@pytest.fixture(scope="session")
def sql(backend: Backend) -> Iterator[Callable[..., list[dict]]]:
    """`sql(query, *args)` with %s arguments; returns rows as dicts, or [] for a change."""

    def connect() -> psycopg.Connection:
        url = backend.load().get("CCOPS_DATABASE_URL")
        return psycopg.connect(url, autocommit=True, row_factory=dict_row)

    conn = connect()

    def run(query: str, *args: object) -> list[dict]:
        nonlocal conn
        try:
            cursor = conn.execute(query, args or None)
        except psycopg.OperationalError:
            if not conn.broken:
                raise
            conn = connect()  # a test restarted PostgreSQL
            cursor = conn.execute(query, args or None)
        return cursor.fetchall() if cursor.description else []

    yield run
    conn.close()


@pytest.fixture(scope="session")
def cache(backend: Backend) -> Iterator[redis.Redis]:
    """An independent Redis client."""
    with redis.Redis.from_url(backend.load().get("CCOPS_REDIS_URL"), decode_responses=True) as client:
        yield client


@pytest.fixture
def signup(http: httpx.Client) -> Callable[..., httpx.Response]:
    """Send a valid signup with fresh names; keyword arguments replace fields, None removes one."""

    def send(path: str = "/api/auth/signup", **fields: object) -> httpx.Response:
        name = f"u{next(_numbers)}{secrets.token_hex(3)}"
        body = {
            "invite_code": "5858",
            "site_id": name,
            "nickname": name,
            "password": f"pw-{name}-secret",
            "birth_date": "1990-05-17",
        } | fields
        return http.post(path, json={key: value for key, value in body.items() if value is not None})

    return send


@pytest.fixture
def account(http: httpx.Client, signup: Callable[..., httpx.Response]) -> Callable[..., Account]:
    """Make a user and log them in; `adult=True` also verifies the age (what games and the lounge ask for)."""

    def make(*, adult: bool = False, password: str = "right-password-1", **fields: object) -> Account:
        made = signup(password=password, **fields)
        assert made.status_code == 201, made.text
        user = made.json()["user"]
        login = http.post("/api/auth/login", json={"site_id": user["site_id"], "password": password})
        assert login.status_code == 200, login.text
        one = Account(http, user["id"], user["site_id"], user["nickname"], password, login.json())
        if adult:
            assert one.post("/api/users/me/age-verification").status_code == 200
        return one

    return make


@pytest.fixture
def burst() -> Callable[..., list[httpx.Response]]:
    """Call `send(i)` from `n` threads released at the same moment; returns the answers in order of `i`."""

    def run(n: int, send: Callable[[int], httpx.Response]) -> list[httpx.Response]:
        gate = threading.Barrier(n)

        def one(i: int) -> httpx.Response:
            gate.wait(timeout=20)
            return send(i)

        with ThreadPoolExecutor(n) as pool:
            return list(pool.map(one, range(n)))

    return run


@pytest.fixture
def metric(http: httpx.Client) -> Callable[..., float]:
    """Read one sample of /metrics: `metric("auth_login_total", result="ok")`; -1 when it is not there."""

    def read(name: str, **labels: str) -> float:
        from prometheus_client.parser import text_string_to_metric_families

        for family in text_string_to_metric_families(http.get("/metrics").text):
            for sample in family.samples:
                if sample.name == name and sample.labels == labels:
                    return sample.value
        return -1.0

    return read


def code_of(answer: httpx.Response) -> str:
    """Return the error code, after checking that the body has our one error shape."""
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "details", "request_id"}
    assert body["error"]["request_id"] == answer.headers["X-Request-Id"]
    return body["error"]["code"]


@pytest.fixture(name="code_of")
def code_of_fixture() -> Callable[[httpx.Response], str]:
    """`code_of(answer)`: the error code of an answer in our error shape."""
    return code_of


@pytest.fixture
def until() -> Callable[..., None]:
    """Wait at most `within_s` (ten) seconds until a condition holds; fail when it never does."""

    def wait(condition: Callable[[], object], within_s: float = 10) -> None:
        end = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < end, "the condition never held"
            time.sleep(0.05)

    return wait
