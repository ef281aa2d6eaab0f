"""Which checks a provider is known to fail, and why; anything else it fails, or now passes, is red."""

from __future__ import annotations

import pytest

from tests.integration.kafka_conformance.kit import WAIT_S, Cluster, admin_of
from tests.kafka_kit import Broker

EXPECTED: dict[str, dict[str, str]] = {
    "noida": {
        "test_a_topic_made_again_has_another_identity": "every topic has the id of zeros",
        "test_the_consumer_protocol_of_kip_848_works": "members of the new protocol are never given a record",
        "test_a_member_killed_by_a_signal_is_let_go_after_its_session": (
            "sessions never expire: the member stays until the broker restarts"
        ),
        "test_a_reset_waits_for_the_session_of_a_killed_consumer": (
            "sessions never expire, so that the reset is refused until the broker restarts"
        ),
        "test_an_offset_in_an_open_transaction_is_told_to_whoever_asks_for_stable_ones": (
            "it does not keep undecided offsets apart, so that a reset can't see the transaction"
        ),
        "test_what_was_acknowledged_survives_a_kill_at_once": (
            "it writes to disk twice a second, and not before it acknowledges"
        ),
    },
    "apache": {},
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "kafka_conformance" not in item.path.parts:
            continue
        spec = getattr(item, "callspec", None)
        provider = spec.params.get("kafka_broker") if spec else None
        name = getattr(item, "originalname", item.name)
        if reason := EXPECTED.get(str(provider), {}).get(name):
            item.add_marker(pytest.mark.xfail(strict=True, reason=reason))


@pytest.fixture
def cluster(kafka_broker: Broker) -> Cluster:
    admin = admin_of(kafka_broker)
    admin.list_topics(timeout=WAIT_S)
    return Cluster(kafka_broker, admin)
