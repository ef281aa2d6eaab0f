"""Every answer that the OpenAPI document declares was produced by a test, and no other was.

What any route can answer is produced here, for all of them; their own codes are the business of their
own tests. The last test judges the whole folder: it runs after all others, whatever the order.
"""

from __future__ import annotations

import hmac
import json
import secrets
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import jwt
import psycopg
import pytest

from tests.answers import ALIASES, OPERATIONS, Operation, Seen
from tests.backends import Gate, running, secrets_of
from tests.valid_requests import body_of, body_schema, keyed, parameters, path_of

TOO_LARGE = b'{"a":"' + b"x" * 300_000 + b'"}'
BROKEN = b'{"a":"\xff"}'
FAILS = (
    "import fastapi.routing\n"
    "real = fastapi.routing.solve_dependencies\n"
    "async def boom(*, request, **more):\n"
    "    if request.headers.get('x-planted'):\n"
    "        raise RuntimeError('planted')\n"
    "    return await real(request=request, **more)\n"
    "fastapi.routing.solve_dependencies = boom\n"
    # Plain purchases never come to the framework.
    "from ccops.backend.core import express\n"
    "given = express._given\n"
    "def planted(scope):\n"
    "    if any(name == b'x-planted' for name, _ in scope['headers']):\n"
    "        raise RuntimeError('planted')\n"
    "    return given(scope)\n"
    "express._given = planted"
)
# Locked so that nobody writes; plain reads go on.
WRITTEN = (
    "idempotency_keys, wallets, gold_ledger, streak_claims, user_achievements, event_participants,"
    " battle_pass_claims, promo_redemptions, promo_codes, limited_packages, limited_holds, reward_grants,"
    " crash_bets, user_seeds, game_rounds, user_actions, outbox, shop_transactions, payment_events, users,"
    " refresh_tokens, invite_codes, audit_log"
)


class Caller:
    """Sends the request of an operation, valid unless told otherwise."""

    def __init__(self, client: httpx.Client, token: str, secret: str, name: str = "") -> None:
        self.client, self.token, self.secret, self.name = client, token, secret, name

    def at(self, client: httpx.Client) -> Caller:
        """Return the same caller for another server."""
        return Caller(client, self.token, self.secret, self.name)

    def __call__(self, operation: Operation, **more: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if operation.secured else {}
        if keyed(operation):
            headers["Idempotency-Key"] = secrets.token_hex(8)
        body = body_of(operation)
        if body is not None:
            more.setdefault("content", json.dumps(body).encode())
            headers["Content-Type"] = "application/json"
            headers["X-CC-Signature"] = self._signed(bytes(more["content"]))  # type: ignore[call-overload]
        given = more.pop("headers", {})
        headers |= dict(given)  # type: ignore[call-overload]
        path = str(more.pop("path", "") or path_of(operation))
        return self.client.request(operation.method, path, headers=headers, **more)  # type: ignore[arg-type]

    def _signed(self, body: bytes) -> str:
        moment = int(time.time())
        mac = hmac.new(self.secret.encode(), f"{moment}.".encode() + body, "sha256").hexdigest()
        return f"t={moment},v1={mac}"


@pytest.fixture(scope="module")
def call(backend, http: httpx.Client, sql) -> Caller:
    """As an administrator, who may call everything."""
    name = f"ans{secrets.token_hex(6)}"
    token = token_of(http, name)
    sql("UPDATE users SET rank = 'ADMIN', age_verified_at = now() WHERE site_id = %s", name)
    return Caller(http, token, secrets_of(backend.load())["WEBHOOK_SECRETS"].split(",")[0], name)


def token_of(http: httpx.Client, name: str) -> str:
    form = {"site_id": name, "password": "right-password-1"}
    more = {"invite_code": "5858", "nickname": name, "birth_date": "1990-05-17"}
    assert http.post("/api/auth/signup", json=form | more).status_code == 201
    return str(http.post("/api/auth/login", json=form).json()["access_token"])


def of(*codes: str) -> pytest.MarkDecorator:
    """Run a test for every operation that declares one of `codes`."""
    chosen = [one for one in OPERATIONS if any(one.declares(code) for code in codes)]
    return pytest.mark.parametrize("operation", chosen, ids=[one.name for one in chosen])


def code(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


@of("UNAUTHORIZED")
def test_without_a_token_there_is_no_answer(call: Caller, operation: Operation) -> None:
    for header in ("", "Bearer nonsense", "Basic dTpw"):
        answer = call(operation, headers={"Authorization": header})
        assert (answer.status_code, code(answer)) == (401, "UNAUTHORIZED")


@of("TOKEN_EXPIRED")
def test_an_expired_token_says_so(backend, call: Caller, operation: Operation) -> None:
    kid, key = secrets_of(backend.load())["JWT_KEYS"].split(",")[0].split(":", 1)
    claims = {"sub": "1", "rank": "STANDARD", "fam": "f", "jti": "j", "iat": 1, "exp": int(time.time()) - 5}
    token = jwt.encode(claims, key, algorithm="HS256", headers={"kid": kid})
    answer = call(operation, headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, code(answer)) == (401, "TOKEN_EXPIRED")


@of("BAD_REQUEST")
def test_a_body_that_is_no_text_is_a_bad_request(call: Caller, operation: Operation) -> None:
    if body_schema(operation) is not None and "webhook" not in operation.path:
        answer = call(operation, content=BROKEN)
        assert (answer.status_code, code(answer)) == (400, "BAD_REQUEST")


@of("PAYLOAD_TOO_LARGE")
def test_a_body_that_is_too_large_is_refused(call: Caller, operation: Operation) -> None:
    answer = call(operation, content=TOO_LARGE)
    assert (answer.status_code, code(answer)) == (413, "PAYLOAD_TOO_LARGE")


@of("VALIDATION_ERROR")
def test_a_wrong_shape_is_refused_with_its_place(call: Caller, operation: Operation) -> None:
    sent: dict[str, object] = {}
    if body_schema(operation) is not None:
        sent = {"content": b"[1]"}
    elif query := parameters(operation, "query"):
        sent = {"params": {query[0]["name"]: "x" * 5000}}
    elif path := parameters(operation, "path"):
        sent = {"path": operation.path.replace(f"{{{path[0]['name']}}}", "!" * 300)}
    elif headers := parameters(operation, "header"):
        sent = {"headers": {headers[0]["name"]: "x" * 5000}}
    answer = call(operation, **sent)
    assert (answer.status_code, code(answer)) == (422, "VALIDATION_ERROR")
    if "webhook" not in operation.path:  # it reads the bytes that were signed, not the framework's model
        assert answer.json()["error"]["details"][0]["loc"]


@pytest.fixture(scope="module")
def anybody(http: httpx.Client) -> str:
    """The token of a user without a rank."""
    return token_of(http, f"any{secrets.token_hex(6)}")


@of("RANK_REQUIRED")
def test_what_is_for_administrators_refuses_everybody_else(
    call: Caller, anybody: str, operation: Operation
) -> None:
    if not operation.path.startswith("/api/shop/"):  # there it is the product that asks for a rank
        answer = Caller(call.client, anybody, call.secret)(operation)
        assert (answer.status_code, code(answer)) == (403, "RANK_REQUIRED")


def _everywhere(
    caller: Callable[[Operation], httpx.Response], chosen: list[Operation]
) -> list[httpx.Response]:
    with ThreadPoolExecutor(max(1, len(chosen))) as pool:
        return list(pool.map(caller, chosen))


def test_a_bug_in_any_route_is_one_answer_in_our_shape(backend, call: Caller, tmp_path: Path) -> None:
    with running(backend.load(), tmp_path, patch=FAILS) as one, _client(one.url) as client:
        client.headers["X-Planted"] = "1"
        answers = _everywhere(call.at(client), OPERATIONS)
        assert {(answer.status_code, code(answer)) for answer in answers} == {(500, "INTERNAL")}
        assert "planted" not in "".join(answer.text for answer in answers)


def test_without_stores_every_route_says_unavailable(backend, call: Caller, tmp_path: Path) -> None:
    profile = backend.load()
    gates = [Gate(profile.get("CCOPS_DATABASE_URL")), Gate(profile.get("CCOPS_REDIS_URL"))]
    urls = {"DATABASE_URL": gates[0].url, "REDIS_URL": gates[1].url}
    try:
        with running(profile, tmp_path, **urls) as one, _client(one.url) as client:
            for gate in gates:
                gate.shut()
            chosen = [
                item for item in OPERATIONS if item.declares("STORE_UNAVAILABLE") and item.path != "/health"
            ]
            answers = dict(zip(chosen, _everywhere(call.at(client), chosen), strict=True))
            client.get("/health/ready")
    finally:
        for gate in gates:
            gate.close()
    wrong = {
        item.name: (answer.status_code, answer.text[:100])
        for item, answer in answers.items()
        if answer.status_code != 503 or code(answer) != "STORE_UNAVAILABLE"
    }
    assert wrong == {}


@pytest.fixture
def locked(backend) -> Iterator[None]:
    """Somebody else is writing, and does not end."""
    with psycopg.connect(backend.load().get("CCOPS_DATABASE_URL")) as conn:
        conn.execute(f"LOCK TABLE {WRITTEN} IN EXCLUSIVE MODE".encode())
        yield
        conn.rollback()


def test_a_row_that_somebody_holds_is_busy(backend, call: Caller, tmp_path: Path, request) -> None:
    chosen = [one for one in OPERATIONS if one.declares("BUSY") or one.declares("IDEMPOTENCY_IN_PROGRESS")]
    with running(backend.load(), tmp_path, POOL_SIZE="100") as one, _client(one.url) as client:
        caller = call.at(client)
        request.getfixturevalue("locked")
        jobs = [(item, key) for item in chosen for key in ([True, False] if keyed(item) else [False])]

        def ask(job: tuple[Operation, bool]) -> tuple[str, int, str]:
            item, with_key = job
            answer = caller(item) if with_key else caller(item, headers={"Idempotency-Key": ""})
            return item.name, answer.status_code, answer.text[:200]

        fresh = f"new{secrets.token_hex(6)}"
        form = {"site_id": fresh, "nickname": fresh, "password": "right-password-1"}
        real = [
            ("/api/auth/signup", form | {"invite_code": "5858", "birth_date": "1990-05-17"}),
            ("/api/auth/login", {"site_id": call.name, "password": "right-password-1"}),
            ("/api/actions", {"action_type": "LOGIN", "event_id": str(uuid.uuid4())}),
        ]

        def post(job: tuple[str, object]) -> tuple[str, int, str]:
            headers = {"Authorization": f"Bearer {call.token}"}
            answer = client.post(job[0], json=job[1], headers=headers)
            return job[0], answer.status_code, answer.text[:200]

        with ThreadPoolExecutor(len(jobs) + len(real)) as pool:
            others = pool.map(post, real)
            answers = [*pool.map(ask, jobs), *others]
    assert [one for one in answers if one[1] >= 500] == []
    assert {one[1] for one in answers[-len(real) :]} == {409}


def test_a_token_of_nobody_does_nothing(backend, call: Caller) -> None:
    kid, key = secrets_of(backend.load())["JWT_KEYS"].split(",")[0].split(":", 1)
    claims = {"sub": str(2**62), "rank": "STANDARD", "fam": str(uuid.uuid4()), "jti": "j", "exp": 2**40}
    token = jwt.encode(claims, key, algorithm="HS256", headers={"kid": kid})
    for operation in OPERATIONS:
        if operation.secured:
            answer = call(operation, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code < 500, operation.name


def _client(url: str) -> httpx.Client:
    limits = httpx.Limits(max_connections=200)
    return httpx.Client(base_url=url, timeout=30, trust_env=False, limits=limits)


def test_an_alias_declares_what_the_other_path_declares() -> None:
    by_name = {one.name: one for one in OPERATIONS}
    for alias, real in ALIASES.items():
        if alias in by_name:
            assert {a[1:] for a in by_name[alias].answers()} == {a[1:] for a in by_name[real].answers()}


def test_every_declared_answer_was_produced(seen_answers: Seen, whole_folder_ran: bool) -> None:
    if not whole_folder_ran:
        pytest.skip("only a part of the folder was selected")
    missing = [f"{name} {status} {word}".strip() for name, status, word in seen_answers.missing()]
    assert not missing, "\n".join(["no test produced", *missing])


def test_no_answer_was_seen_that_nobody_declared(seen_answers: Seen) -> None:
    assert seen_answers.undeclared == {}
