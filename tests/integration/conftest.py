"""What several kinds of integration tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kafka_kit import PROVIDERS, Broker, running_broker


@pytest.fixture(scope="session", params=PROVIDERS)
def kafka_broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker]:
    """A broker of each provider. pytest groups tests by it: each is started once, one after the other."""
    with running_broker(request.param, tmp_path_factory.mktemp(f"kafka-{request.param}")) as made:
        yield made
