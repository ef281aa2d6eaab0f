"""Open Kafka's admin client: nothing joins a group through it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from ccops.clients.guard import translated
from ccops.clients.kafka import errors

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient


@contextmanager
def open_admin(bootstrap: str, *, timeout: float = 5.0) -> Iterator[AdminClient]:
    """Yield an admin client after the broker has said which cluster it is.

    Raises Unreachable when no broker answers within `timeout` seconds, and for whatever the client raises
    inside the block.
    """
    from confluent_kafka.admin import AdminClient

    quiet = logging.getLogger("ccops.clients.kafka_admin")
    quiet.addHandler(logging.NullHandler())
    quiet.propagate = False
    with translated("kafka", bootstrap, errors()):
        settings: dict[str, object] = {
            "bootstrap.servers": bootstrap,
            "client.id": "ccops",
            # A broker that comes back must be found at once: its answer decides what we know.
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 500,
            "socket.timeout.ms": int(max(timeout, 1.0) * 1000),
            "log_level": 0,
            "error_cb": lambda error: None,
        }
        client = AdminClient(
            cast("dict[str, str | int | float | bool]", settings), logger=quiet
        )  # and callables
        # Not list_topics: asked for a name, some brokers would create it; asked for all, it is long.
        client.describe_cluster(request_timeout=timeout).result(timeout + 1.0)
        yield client
