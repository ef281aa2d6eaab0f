"""Metrics of two processes: one answer for both, which never falls and adds up to what was done."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from ccops.stack import engine
from tests.integration.realtime_multi.kit import Background, Player, Scraper, Several, alternately, until
from tests.web import http_client, web

CONTRACT = Path(__file__).parents[3] / "ccops" / "backend" / "contract" / "metrics.yml"
ACTIONS = 'http_requests_total{handler="/api/actions",method="POST",status="201"}'
TOOK = 'http_request_duration_seconds_count{handler="/api/actions",method="POST"}'
SLOWEST = 'http_request_duration_seconds_bucket{handler="/api/actions",le="+Inf",method="POST"}'


def test_any_process_answers_for_both_and_the_sum_is_what_was_done(
    several: Several, player: Callable[[], Player]
) -> None:
    user, before, places = player(), several.samples(), alternately(several)
    urls = [next(places) for _ in range(100)]

    with ThreadPoolExecutor(8) as pool, http_client() as http:
        list(pool.map(lambda url: user.act(http, url=url), urls))
    one, two, shared = (several.samples(place) for place in (several.alone(1), several.alone(2), ""))

    for series in (ACTIONS, TOOK, SLOWEST):
        assert [now[series] - before.get(series, 0) for now in (one, two, shared)] == [100] * 3


def test_every_metric_of_the_contract_is_there_with_its_closed_labels_at_zero(several: Several) -> None:
    declared = yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))
    text = web.get(f"{several.url}/metrics").text
    families = {line.split()[2]: line.split()[3] for line in text.splitlines() if line.startswith("# TYPE")}
    series = several.samples()

    assert {name: one["type"] for name, one in declared.items()} == families
    assert series['shop_buy_failed_total{reason="sold_out"}'] == 0
    assert series['auth_login_total{result="locked"}'] == 0
    assert not [name for name in series if "pid=" in name]
    assert {line for line in text.splitlines() if line.startswith("# HELP auth_login_total")} == {
        "# HELP auth_login_total Logins."
    }


def test_a_gauge_counts_the_sockets_of_living_processes_only(
    several: Several, player: Callable[[], Player]
) -> None:
    user, before = player(), several.pid(1)
    until(lambda: several.samples()["ws_active_connections"] == 0)
    with user.feed(several.alone(1)), user.feed(several.alone(2)):
        assert several.samples()["ws_active_connections"] == 2

        several.kill(1)

        until(lambda: several.samples(several.alone(2))["ws_active_connections"] == 1)
    until(lambda: several.samples()["ws_active_connections"] == 0)
    until(lambda: several.pid(1) not in {None, before} and several.ready(1))


@pytest.mark.slow
@pytest.mark.fault
def test_no_counter_ever_falls_through_a_rolling_restart_and_a_kill_9(
    several: Several, player: Callable[[], Player]
) -> None:
    user, scraper, before = player(), Scraper(several), several.samples().get(ACTIONS, 0)
    done: list[str] = []
    with Background(scraper.scrape) as scrapes:
        with (
            http_client() as http,
            Background(lambda: done.append(user.act(http))),
        ):
            engine.restart(several.load(), "backend")
        assert scraper.unanswered == 0
        several.kill(2)  # nobody writes now: what a killed process had not answered may or may not count
        until(lambda: several.ready(2))
        with http_client() as http:
            done += [user.act(http) for _ in range(20)]

    assert scrapes.times > 10
    assert scraper.unanswered <= 1
    assert scraper.fallen == []
    assert several.samples()[ACTIONS] - before == len(done)
