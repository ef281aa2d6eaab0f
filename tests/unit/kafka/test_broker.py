"""What the client library answers in odd moments: seen on a real broker that was just coming back."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import cast

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from ccops.core.errors import Unreachable
from ccops.kafka.broker import Broker
from ccops.kafka.model import Committed

_LOADING = KafkaError(KafkaError.COORDINATOR_LOAD_IN_PROGRESS)


class Client:
    """An admin client that lists groups with the errors it was given, call by call."""

    def __init__(self, *errors: list[object]) -> None:
        self.errors = list(errors)

    def list_consumer_groups(self, **_: object) -> Future[object]:
        future: Future[object] = Future()
        future.set_result(SimpleNamespace(valid=[], errors=self.errors.pop(0)))
        return future


def broker(client: Client, timeout: float = 5.0) -> Broker:
    return Broker(cast("AdminClient", client), "h:1", timeout)


@pytest.mark.parametrize("error", [_LOADING, KafkaException(_LOADING)])
def test_a_coordinator_that_loads_is_asked_again_in_whatever_form_it_says_so(error: object) -> None:
    client = Client([error], [])
    assert broker(client).groups() == {}
    assert client.errors == []


def test_one_that_never_ends_loading_is_unreachable() -> None:
    with pytest.raises(Unreachable) as caught:
        broker(Client(*([_LOADING] for _ in range(50))), timeout=0.05).groups()
    assert "Coordinator load in progress" in caught.value.evidence


def test_minus_one_is_never_committed_whoever_asks() -> None:
    with pytest.raises(ValueError, match="would be committed at -1"):
        broker(Client()).alter("cc.a.b.dev", {("t", 0): Committed(-1)})
