"""The short way to a route answers what the ordinary one answers, to everything that anybody may send."""

from __future__ import annotations

import asyncio

import pytest
from fastapi import FastAPI
from starlette.types import Message

from ccops.backend.core import context, deps, handlers, security
from ccops.backend.core.errors import ApiError
from ccops.backend.core.express import Express
from ccops.backend.core.limits import MAX_BODY
from ccops.backend.routers import shop

GOOD = b'{"product_id":"LUCKY_CHARM","quantity":2}'
Headers = dict[bytes, bytes | list[bytes] | None]


class Site:
    """The shop's routes, once with and once without the short way; counts which way was taken."""

    def __init__(self) -> None:
        self.ordinary = FastAPI()
        handlers.install(self.ordinary)
        self.ordinary.include_router(shop.router)
        self.went_on = 0

        async def counted(scope, receive, send) -> None:
            self.went_on += 1
            await self.ordinary(scope, receive, send)

        self.short = Express(counted, shop.EXPRESS)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    async def buy(user_id: int, wanted, key) -> tuple[int, bytes, bool]:
        if key.key == "broke":
            raise ApiError("INSUFFICIENT_GOLD")
        if key.key == "often":
            raise ApiError("FRAUD_WINDOW", headers={"Retry-After": "7"})
        return 200, f"{user_id} {wanted.product_id} {wanted.quantity} {key.key}".encode(), key.key == "again"

    async def is_revoked(family: str) -> bool:
        return family == "closed"

    monkeypatch.setattr(shop.service, "buy", buy)
    monkeypatch.setattr(deps, "is_revoked", is_revoked)
    return Site()


def token(user_id: int = 7, family: str = "open", ttl_s: int = 60) -> bytes:
    return b"Bearer " + security.issue_access_token(user_id, "STANDARD", family, ttl_s=ttl_s).encode()


def ask(
    app, body: bytes, changed: Headers, *, method: str = "POST", path: str = "/api/shop/buy", cut: int = 0
):
    """Return status, headers and body of one request; `cut` sends the body in two pieces."""
    headers: Headers = {
        b"host": b"h",
        b"authorization": token(),
        b"idempotency-key": b"k",
        b"content-type": b"application/json",
        b"content-length": str(len(body)).encode(),
    }
    pairs = []
    for name, value in (headers | changed).items():
        pairs += [(name, one) for one in (value if isinstance(value, list) else [value]) if one is not None]
    pieces = [body[:cut], body[cut:]] if cut else [body]
    waiting: list[Message] = [
        {"type": "http.request", "body": piece, "more_body": n + 1 < len(pieces)}
        for n, piece in enumerate(pieces)
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": pairs, "http_version": "1.1", "scheme": "http", "root_path": "", "server": ("h", 80),
        "client": ("c", 1), "asgi": {"version": "3.0"},
    }  # fmt: skip
    context.enter(context.Context("t" * 32, "r" * 16))  # or no two answers were the same
    asyncio.run(app(scope, receive, send))
    content = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], sorted(sent[0]["headers"]), content


PLAIN: dict[str, tuple[bytes, Headers]] = {
    "a purchase": (GOOD, {}),
    "without a quantity": (b'{"product_id":"A"}', {}),
    "with spaces": (b' {"product_id" : "A" , "quantity" : 1 } ', {}),
    "a field twice": (b'{"product_id":"A","product_id":"B"}', {}),
    "the longest key": (GOOD, {b"idempotency-key": b"k" * 255}),
    "a key in latin-1": (GOOD, {b"idempotency-key": b"caf\xe9"}),
    "a replay": (GOOD, {b"idempotency-key": b"again"}),
    "a refusal": (GOOD, {b"idempotency-key": b"broke"}),
    "a refusal with a header": (GOOD, {b"idempotency-key": b"often"}),
    "a wrong token": (GOOD, {b"authorization": b"Bearer nonsense"}),
    "a closed session": (GOOD, {b"authorization": token(family="closed")}),
}
OTHER: dict[str, tuple[bytes, Headers]] = {
    "no token": (GOOD, {b"authorization": None}),
    "an empty token": (GOOD, {b"authorization": b"Bearer "}),
    "only a scheme": (GOOD, {b"authorization": b"Bearer"}),
    "another case": (GOOD, {b"authorization": b"bearer" + token()[6:]}),
    "two spaces": (GOOD, {b"authorization": b"Bearer  " + token()[7:]}),
    "something behind the token": (GOOD, {b"authorization": token() + b" more"}),
    "another scheme": (GOOD, {b"authorization": b"Basic eDp5"}),
    "two tokens": (GOOD, {b"authorization": [token(1), token(2)]}),
    "no key": (GOOD, {b"idempotency-key": None}),
    "an empty key": (GOOD, {b"idempotency-key": b""}),
    "too long a key": (GOOD, {b"idempotency-key": b"k" * 256}),
    "two keys": (GOOD, {b"idempotency-key": [b"one", b"two"]}),
    "no body": (b"", {}),
    "no JSON": (b"{", {}),
    "a list": (b"[]", {}),
    "a number that JSON does not have": (b'{"product_id":"A","quantity":NaN}', {}),
    "a huge number": (b'{"product_id":"A","quantity":' + b"9" * 400 + b"}", {}),
    "a fraction": (b'{"product_id":"A","quantity":1.0}', {}),
    "a number as text": (b'{"product_id":"A","quantity":"1"}', {}),
    "true for one": (b'{"product_id":"A","quantity":true}', {}),
    "zero": (b'{"product_id":"A","quantity":0}', {}),
    "an unknown field": (b'{"product_id":"A","price":1}', {}),
    "a hostile name": (b'{"product_id":"\\u0000"}', {}),
    "half a character": (b'{"product_id":"\\ud800"}', {}),
    "no UTF-8": (b'{"product_id":"\xff"}', {}),
    "deep": (b'{"product_id":' + b"[" * 3_000 + b"]" * 3_000 + b"}", {}),
    "another type": (GOOD, {b"content-type": b"text/plain"}),
    "no type": (GOOD, {b"content-type": None}),
    "a type with a charset": (GOOD, {b"content-type": b"application/json; charset=utf-8"}),
    "two types": (GOOD, {b"content-type": [b"application/json", b"text/plain"]}),
    "no length": (GOOD, {b"content-length": None}),
    "a length that is none": (GOOD, {b"content-length": b"-1"}),
    "announced too large": (GOOD, {b"content-length": str(MAX_BODY + 1).encode()}),
    "absurdly large": (GOOD, {b"content-length": b"9" * 40}),
}


@pytest.mark.parametrize(("body", "headers"), PLAIN.values(), ids=PLAIN)
def test_a_plain_request_goes_the_short_way_and_is_answered_the_same(site, body, headers) -> None:
    assert ask(site.short, body, headers) == ask(site.ordinary, body, headers)
    assert site.went_on == 0


@pytest.mark.parametrize(("body", "headers"), OTHER.values(), ids=OTHER)
def test_any_other_request_goes_the_ordinary_way_untouched(site, body, headers) -> None:
    assert ask(site.short, body, headers) == ask(site.ordinary, body, headers)
    assert site.went_on == 1


def test_a_body_in_pieces_arrives_whole(site) -> None:
    assert ask(site.short, GOOD, {}, cut=9) == ask(site.ordinary, GOOD, {})
    assert site.went_on == 1


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/api/shop/buy"), ("PUT", "/api/shop/buy"), ("POST", "/api/shop/buy/")]
)
def test_only_the_route_itself_is_short(site, method, path) -> None:
    assert ask(site.short, GOOD, {}, method=method, path=path) == ask(
        site.ordinary, GOOD, {}, method=method, path=path
    )
    assert site.went_on == 1


def test_a_token_that_expired_since_it_was_verified_is_refused(site, monkeypatch) -> None:
    given = {b"authorization": token(ttl_s=1)}
    assert ask(site.short, GOOD, given)[0] == 200
    now = security.time.time()
    monkeypatch.setattr(security.time, "time", lambda: now + 2)
    assert ask(site.short, GOOD, given) == ask(site.ordinary, GOOD, given)
    assert ask(site.short, GOOD, given)[0] == 401


def test_who_hung_up_before_the_body_goes_the_ordinary_way(site) -> None:
    async def gone() -> Message:
        return {"type": "http.disconnect"}

    class Reached(Exception):
        pass

    async def ordinary(scope, receive, send) -> None:
        assert (await receive())["type"] == "http.disconnect"
        raise Reached

    scope = {"type": "http", "method": "POST", "path": "/api/shop/buy", "headers": [
        (b"authorization", token()), (b"idempotency-key", b"k"), (b"content-type", b"application/json"),
        (b"content-length", b"2"),
    ]}  # fmt: skip
    with pytest.raises(Reached):
        asyncio.run(Express(ordinary, shop.EXPRESS)(scope, gone, ordinary))
