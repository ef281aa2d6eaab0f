"""A user's events reach every one of his sockets, whichever process holds it, through restarts as well."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from ccops.stack import engine
from tests.integration.realtime_multi.kit import Follower, Player, Several, alternately, until
from tests.web import http_client, web

RESTARTED = 1012


def test_events_written_by_both_processes_reach_the_sockets_of_both_in_order_and_once(
    several: Several, player: Callable[[], Player]
) -> None:
    users, places = [player(), player()], alternately(several)
    urls = [next(places) for _ in range(80)]
    first, second = several.alone(1), several.alone(2)
    with (
        users[0].feed(first) as a,
        users[0].feed(second) as b,
        users[1].feed(first) as c,
        users[1].feed(second) as d,
        http_client() as http,
        ThreadPoolExecutor(16) as pool,
    ):
        made = [list(pool.map(lambda url, user=user: user.act(http, url=url), urls)) for user in users]
        got = [[json.loads(feed.recv(10)) for _ in urls] for feed in (a, b, c, d)]

    for number, frames in enumerate(got):
        user = users[number // 2]
        assert [frame["seq"] for frame in frames] == list(range(1, 81))
        assert [frame["event_id"] for frame in frames] == user.history()
    assert [sorted(ids) for ids in made] == [sorted(user.history()) for user in users]


@pytest.mark.slow
def test_sockets_recover_everything_through_a_rolling_restart_under_a_writer(
    several: Several, player: Callable[[], Player]
) -> None:
    """Seven users with three sockets each; every one of the 21 sees the outbox: no gap, no repetition."""
    users = [player() for _ in range(7)]
    followers = [Follower(user) for user in users for _ in range(3)]

    written = asyncio.run(_restart_under_a_writer(several, users, followers))

    closes = [code for one in followers for code in one.closes]
    for one in followers:
        assert one.seqs == list(range(one.first + 1, one.first + 1 + len(one.seqs)))
        assert one.ids == one.player.history()
    assert written == sum(len(user.history()) for user in users)
    assert set(closes) == {RESTARTED}
    assert all(flag for one in followers for flag in one.recovered)
    assert len(closes) >= len(followers)
    print(f"{written} events, {len(closes)} sockets closed with 1012, 0 gaps, 0 duplicates")


async def _restart_under_a_writer(several: Several, users: list[Player], followers: list[Follower]) -> int:
    written = 0
    async with asyncio.TaskGroup() as group:
        reading = [group.create_task(one.follow()) for one in followers]
        await _until(lambda: all(one.up for one in followers))
        restart = group.create_task(asyncio.to_thread(engine.restart, several.load(), "backend"))
        async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
            while not restart.done():
                for user in users:
                    answer = await http.post(
                        f"{several.url}/api/actions", json={"action_type": "ROLL"}, headers=user.auth
                    )
                    assert answer.status_code == 201, answer.text
                    written += 1
                await asyncio.sleep(0.02)
        wanted = {user.id: len(await asyncio.to_thread(user.history)) for user in users}
        await _until(lambda: all(len(one.ids) >= wanted[one.player.id] for one in followers))
        for task in reading:
            task.cancel()
    return written


async def _until(done: Callable[[], bool], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not done():
            await asyncio.sleep(0.02)


def test_the_payments_of_both_processes_are_paid_once(several: Several, player: Callable[[], Player]) -> None:
    users, places = [player() for _ in range(4)], alternately(several)
    outcomes = ("processed", "duplicate")
    names = [f'payment_events_total{{outcome="{one}"}}' for one in outcomes]
    before = several.samples()

    def buy(i: int) -> int:
        body = {"product_id": "GOLD_1000", "quantity": 1}
        headers = {**users[i % 4].auth, "Idempotency-Key": f"two-processes-{i}"}
        return web.post(f"{urls[i]}/api/shop/buy", json=body, headers=headers).status_code

    urls = [next(places) for _ in range(20)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(buy, range(20))) == [202] * 20
    paid = "SELECT count(*) AS n FROM shop_transactions WHERE status = 'SUCCESS' AND user_id = ANY(%s)"
    until(lambda: several.sql(paid, [user.id for user in users]) == [{"n": 20}])

    now = several.samples()
    assert [now[name] - before[name] for name in names] == [20, 0]
