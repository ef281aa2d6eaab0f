"""What `--exclude-silences` reads from a real Alertmanager: silences that ended, too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ccops.clients.alertmanager import open_alertmanager
from ccops.core.clock import iso
from ccops.rules.tune.intervals import matches
from ccops.rules.tune.silences import silence_history
from tests.conftest import Stack

pytestmark = pytest.mark.stack


def test_a_silence_that_was_ended_is_an_interval_with_its_matchers(stack: Stack) -> None:
    now = datetime.now(UTC)
    body = {
        "matchers": [
            {"name": "alertname", "value": "Tuned", "isRegex": False},
            {"name": "flow", "value": "go.d|silver", "isRegex": True},
        ],
        "startsAt": iso(now),
        "endsAt": iso(now + timedelta(minutes=5)),
        "createdBy": "tests",
        "comment": "history",
    }
    with open_alertmanager(stack.url("CCOPS_ALERTMANAGER_URL")) as client:
        made = client.post("/silences", json=body).raise_for_status().json()["silenceID"]
        client.delete(f"/silence/{made}").raise_for_status()
        (found,) = [one for one in silence_history(client) if one.name == f"silence {made}"]
    assert abs(found.start - now.timestamp()) < 10
    assert found.start <= found.end < now.timestamp() + 60
    assert matches(found, {"alertname": "Tuned", "flow": "gold"})
    assert not matches(found, {"alertname": "Tuned", "flow": "gem"})
    assert not matches(found, {"alertname": "Other", "flow": "gold"})
