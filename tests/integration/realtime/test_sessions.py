"""A socket ends with its session, whichever process holds it, and only with its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.pipeline.kit import Stores
from tests.integration.realtime.kit import Backend, User, alive, backend, closed, greeted, proxied

Make = Callable[[], User]


def test_a_logout_closes_the_sockets_of_its_session_in_every_process(
    main: Backend, quick: Backend, user: Make
) -> None:
    one = user()
    ending, staying = one.login(), one.login()
    with main.feed(ending) as here, quick.feed(ending) as there, quick.feed(staying) as other:
        for feed in (here, there, other):
            greeted(feed)
        one.call(ending, "POST", "/api/auth/logout")
        for feed in (here, there):
            code, took_s = closed(feed)
            assert (code, took_s < 2) == (4401, True)
        assert alive(other)


@pytest.mark.parametrize(("method", "path"), [("POST", "/api/auth/logout-all"), ("DELETE", "/api/users/me")])
def test_logging_out_everywhere_and_erasure_close_every_socket(
    main: Backend, quick: Backend, user: Make, method: str, path: str
) -> None:
    one = user()
    first, second = one.login(), one.login()
    with main.feed(first) as here, quick.feed(second) as there:
        greeted(here)
        greeted(there)
        one.call(first, method, path)
        assert [closed(feed)[0] for feed in (here, there)] == [4401, 4401]
    for process, token in ((main, first), (quick, second)):
        with process.feed(token) as feed:
            assert closed(feed)[0] == 4401


def test_a_socket_ends_when_its_token_does(main: Backend, user: Make) -> None:
    one = user()
    with main.feed(one.login(access_ttl_s=1)) as feed, main.feed(one.login()) as other:
        greeted(feed)
        greeted(other)
        code, took_s = closed(feed)
        assert (code, took_s < 1.5) == (4401, True)
        assert alive(other)


def test_a_closed_session_is_noticed_without_any_message(quick: Backend, user: Make, stores: Stores) -> None:
    one = user()
    token = one.login()
    with quick.feed(token) as feed:
        greeted(feed)
        stores.sql("UPDATE refresh_tokens SET revoked_at = now() WHERE user_id = %s", one.id)
        code, took_s = closed(feed)
    assert (code, took_s < 2) == (4401, True)
    # Redis knows nothing about it; PostgreSQL does, and a new socket asks there.
    with quick.feed(token) as feed:
        assert closed(feed)[0] == 4401


def test_a_session_ends_also_while_redis_is_away(user: Make, stores: Stores) -> None:
    one = user()
    with proxied(stores) as (url, cut), backend(stores, REDIS_URL=url, WS_POSITION_CHECK_S="0.3") as process:
        with process.feed(one.login()) as feed:
            greeted(feed)
            cut()
            stores.sql("UPDATE refresh_tokens SET revoked_at = now() WHERE user_id = %s", one.id)
            assert closed(feed)[0] == 4401


def test_a_token_in_the_address_counts_only_where_it_is_allowed_and_is_never_logged(
    main: Backend, quick: Backend, user: Make
) -> None:
    token = user().login()
    with quick.feed("", f"?token={token}") as feed:
        assert greeted(feed)[0]["type"] == "sync_connected"
    with main.feed("", f"?token={token}") as feed:
        assert closed(feed)[0] == 4401
    log = quick.log.read_text()
    assert "/api/realtime/sync" in log
    assert token not in log
    assert token.rpartition(".")[2] not in log
