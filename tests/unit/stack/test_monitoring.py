"""What Prometheus said of a target before it was ready is no news."""

from __future__ import annotations

from ccops.stack.monitoring import _health

READY = 1_763_879_000.0


def _target(health: str, scraped: str) -> dict[str, object]:
    return {"labels": {"instance": "a:1"}, "health": health, "lastScrape": scraped}


def _said(*target: str) -> str:
    return _health({"activeTargets": [_target(*target)]}, since=READY)["a:1"]


def test_a_target_that_was_down_before_it_could_be_up_was_not_seen_yet() -> None:
    assert _said("down", "2025-11-23T06:23:19.999999999Z") == ""
    assert _said("down", "2025-11-23T06:23:20.000000001Z") == "down"


def test_a_target_that_is_up_stays_up_and_one_never_scraped_was_not_seen() -> None:
    assert _said("up", "2025-11-23T06:00:00Z") == "up"
    assert _said("unknown", "0001-01-01T00:00:00Z") == ""


def test_a_time_that_can_not_be_read_makes_a_down_target_unseen_and_nobody_fall() -> None:
    assert _said("down", "yesterday") == ""
