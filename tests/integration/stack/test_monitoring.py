"""`up` and `status` say how many rules are loaded and how many targets are up, each of how many."""

from __future__ import annotations

import json

from tests.conftest import Stack
from tests.kafka_kit import until


def monitoring(stack: Stack) -> dict[str, dict[str, object]]:
    done = stack.ccops("status", "-o", "json")
    found: dict[str, dict[str, object]] = json.loads(done.out)["data"]["monitoring"]
    return found


def test_every_rule_of_the_profile_is_loaded_and_every_target_is_scraped(stack: Stack) -> None:
    assert until(lambda: monitoring(stack)["targets"]["asked"] == "prometheus", 15.0)

    seen = monitoring(stack)

    rendered = stack.ccops("rules", "render", "-o", "json")
    (env,) = json.loads(rendered.out)["data"]["environments"]
    wanted = len(env["alerts"]) + len(env["recordings"])
    assert seen["rules"] == {"loaded": wanted, "expected": wanted, "failing": []}
    assert wanted > 0
    assert seen["targets"] == {"up": 5, "expected": 5, "down": [], "asked": "prometheus"}


def test_up_says_it_too_and_a_target_that_is_down_by_its_name(stack: Stack) -> None:
    assert "targets up 5/5" in stack.ccops("up").out
    try:
        assert stack.ccops("down", "kafka-exporter").code == 0
        assert until(lambda: monitoring(stack)["targets"]["down"] == ["kafka-exporter"], 10.0)
        assert "targets up 4/5   down: kafka-exporter" in stack.ccops("status").out
    finally:
        assert stack.ccops("up", "kafka-exporter").code == 0
