"""Scenarios that take a service away, on a stack of two backend processes; afterwards nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.conftest import ROOT, Stack

NAMES = sorted(
    path.stem for path in (ROOT / "scenarios").glob("*.yaml") if ", outage]" in path.read_text("utf-8")
)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything, with two backend processes behind one port."""
    made = Stack(tmp_path_factory.mktemp("outages"))
    up = made.ccops("up", "--backend-workers", "2")
    try:
        assert up.code == 0, up.out + up.err
        yield made
    finally:
        down = made.ccops("down")
    assert down.code == 0, down.out + down.err


def test_there_are_outages_to_run() -> None:
    assert {"kafka-outage", "clickhouse-outage", "ws-redis-restart", "ws-rolling-restart"} <= set(NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_an_outage_scenario_is_green(pair: Stack, name: str) -> None:
    ran = pair.ccops("smoke", "run", name, "--timeout", "60")
    assert ran.code == 0, ran.out[-4000:] + ran.err


def test_after_all_of_them_every_event_is_everywhere(pair: Stack) -> None:
    ran = pair.ccops("data", "reconcile", "--last", "1h", "--settle", "2s", "-o", "json")
    data = json.loads(ran.out)["data"]

    assert (ran.code, data["verdict"], data["lost"]) == (0, "PASS", 0), ran.out[-4000:]
    assert data["events"] > 50
