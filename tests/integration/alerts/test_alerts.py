"""Silences on a real Alertmanager: exact, owned, and safe from everybody else who works at the same time."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest

from ccops.clients.alertmanager import open_alertmanager
from ccops.core.clock import SystemClock, iso
from ccops.core.errors import Refused
from ccops.rules.alerts import Alert, listed
from ccops.rules.silences import Silencer
from tests.conftest import Stack
from tests.kafka_kit import until

pytestmark = pytest.mark.stack
LEASE = timedelta(minutes=5)


@pytest.fixture
def client(stack: Stack) -> Iterator[httpx.Client]:
    with open_alertmanager(stack.url("CCOPS_ALERTMANAGER_URL")) as made:
        yield made


@pytest.fixture
def silencer(client: httpx.Client) -> Iterator[Silencer]:
    made = Silencer(client, SystemClock())
    before = {one.ident for one in made.living()}
    yield made
    for one in made.living():
        if one.ident not in before:
            made.end(one.ident)


def lag_of(group: str) -> dict[str, str]:
    return {"alertname": "KafkaHighConsumerLag", "consumergroup": group}


def group_name() -> str:
    return f"cc.t{uuid.uuid4().hex[:8]}.lag.dev"


def tell(client: httpx.Client, *alerts: Mapping[str, str]) -> None:
    """Say to Alertmanager what Prometheus would: these alerts ring, for a minute."""
    ends = iso(SystemClock().now() + timedelta(minutes=1))
    client.post("/alerts", json=[{"labels": dict(one), "endsAt": ends} for one in alerts]).raise_for_status()


def told(client: httpx.Client, group: str) -> Alert | None:
    return next((one for one in listed(client) if one.labels.get("consumergroup") == group), None)


def test_a_silence_mutes_its_group_and_not_one_that_looks_alike(
    client: httpx.Client, silencer: Silencer
) -> None:
    group = group_name()
    alike = group.replace(".", "x")
    made = silencer.begin(lag_of(group), "ccops/me", "why", LEASE)
    tell(client, lag_of(group), lag_of(alike))

    assert until(lambda: (one := told(client, group)) is not None and one.silenced_by == (made.ident,))
    other = told(client, alike)
    assert other is not None and (other.state, other.silenced_by) == ("active", ())

    silencer.end(made.ident, "ccops/me")
    assert until(lambda: (one := told(client, group)) is not None and one.state == "active")


def test_a_second_call_extends_the_same_silence_and_does_not_shorten_it(silencer: Silencer) -> None:
    labels = lag_of(group_name())
    first = silencer.begin(labels, "ccops/me", "why", LEASE)
    longer = silencer.begin(labels, "ccops/me", "why", 2 * LEASE)
    shorter = silencer.begin(labels, "ccops/me", "why", LEASE)

    assert first.ident == longer.ident == shorter.ident
    assert first.ends_at < longer.ends_at == shorter.ends_at
    assert len([one for one in silencer.living() if one.matchers == labels]) == 1


def test_operators_who_work_at_the_same_time_never_end_each_others_silence(
    client: httpx.Client, silencer: Silencer
) -> None:
    """Eight operators silence one alert, extend it, and every other one ends its own."""
    labels = lag_of(group_name())

    def operator(number: int) -> str:
        mine = f"ccops/operator-{number}"
        made = silencer.begin(labels, mine, "why", LEASE)
        assert silencer.begin(labels, mine, "why", 2 * LEASE).ident == made.ident
        if number % 2:
            silencer.end(made.ident, mine)
        return made.ident

    with ThreadPoolExecutor(8) as pool:
        idents = list(pool.map(operator, range(8)))

    assert len(set(idents)) == 8
    assert sorted(one.ident for one in silencer.living() if one.matchers == labels) == sorted(idents[::2])
    with pytest.raises(Refused):
        silencer.end(idents[0], "ccops/operator-2")
    assert silencer.find(labels, "ccops/operator-0") is not None


def test_the_command_silences_lists_and_ends_only_in_its_operators_name(
    stack: Stack, silencer: Silencer
) -> None:
    alert, group = "PurchasePendingSpike", group_name()
    call = (alert, "--match", f"consumergroup={group}")
    made = stack.ccops("alerts", "silence", *call, "--reason", "INC-7", "--as", "ann", "-o", "json")
    assert made.code == 0, made.err
    ident = json.loads(made.out)["data"]["silence"]["id"]

    foreign = stack.ccops("alerts", "unsilence", "--id", ident, "--as", "bob")
    assert foreign.code == 3 and "belongs to ccops/ann" in foreign.err
    assert "nothing to do" in stack.ccops("alerts", "unsilence", *call, "--as", "bob").out
    shown = json.loads(stack.ccops("alerts", "list", "-o", "json").out)["data"]["silences"]
    (row,) = [one for one in shown if one["id"] == ident]
    assert (row["owner"], row["reason"], row["exact"]) == ("ccops/ann", "INC-7", True)
    assert 800 < row["left_s"] <= 900

    ended = stack.ccops("alerts", "unsilence", *call, "--as", "ann")
    assert ended.code == 0 and ident in ended.out
    assert ident not in {one.ident for one in silencer.living()}


def test_a_misspelt_alert_is_refused_with_the_nearest_name(stack: Stack) -> None:
    done = stack.ccops("alerts", "silence", "PurchasePendingSpikes", "--reason", "x")

    assert done.code == 3 and "did you mean PurchasePendingSpike?" in done.err


def test_without_an_alertmanager_the_exit_code_is_4(stack: Stack) -> None:
    from tests.conftest import run_ccops

    for url in ("http://127.0.0.1:9", ""):
        done = run_ccops("alerts", "list", env=stack.env | {"CCOPS_ALERTMANAGER_URL": url})
        assert done.code == 4, done.out + done.err
