"""What several kinds of integration tests share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from ccops.core.errors import CcopsError
from tests.kafka_kit import PROVIDERS, Broker, running_broker
from tests.stacks import stack
from tests.suite_stack import suite_stack

if TYPE_CHECKING:
    from tests.integration.pipeline.kit import Stores


def pytest_collection_modifyitems() -> None:
    """Say before the first test that the chosen stack can't be used, and not in each of them."""
    try:
        suite_stack()
    except CcopsError as err:
        raise pytest.UsageError(f"{err.code}: {err.message} ({err.evidence})") from err


@pytest.fixture(scope="session", params=PROVIDERS)
def kafka_broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker]:
    """A broker of each provider. pytest groups tests by it: each is started once, one after the other."""
    with running_broker(request.param, tmp_path_factory.mktemp(f"kafka-{request.param}")) as made:
        yield made


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """Every store and one backend, for the folders that run workers of their own on them."""
    from tests.integration.pipeline.kit import Stores  # only for who asks: it loads every client

    root = tmp_path_factory.mktemp("stores")
    with stack(root, "backend", "kafka", "clickhouse") as load:
        made = Stores(load, root)
        try:
            yield made
        finally:
            made.close()
