"""What a group has committed, asked so that neither a dead connection nor a transaction stands in the way."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ccops.clients.guard import translated, unreachable
from ccops.clients.kafka import errors
from ccops.core.errors import Unreachable
from ccops.kafka.model import Committed, Place

_TRY_S = 3.0


def read_back(bootstrap: str, group: str, places: Sequence[Place], seconds: float) -> dict[Place, Committed]:
    """Return what `group` has committed for `places`, asking again for `seconds` while nobody answers.

    Each try is a client of its own, and a consumer (which joins nothing): one that saw its broker die may
    wait long before it looks again, and the admin client of librdkafka 2.16 ends the process with a
    segmentation fault when a coordinator that has just begun answers its question for offsets.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            return _read_back(bootstrap, group, places)
        except Unreachable:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def _read_back(bootstrap: str, group: str, places: Sequence[Place]) -> dict[Place, Committed]:
    from confluent_kafka import Consumer, TopicPartition

    with translated("kafka", bootstrap, errors()):
        consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": group,
                "isolation.level": "read_uncommitted",
                "enable.auto.commit": False,
                "log_level": 0,
                "error_cb": lambda error: None,
            }
        )
        try:
            said = consumer.committed([TopicPartition(*place) for place in places], timeout=_TRY_S)
        finally:
            consumer.close()
    if bad := [item.error for item in said if item.error is not None]:
        raise unreachable("kafka", bootstrap, ConnectionError(bad[0].str()))
    return {
        (item.topic, item.partition): Committed(item.offset, item.metadata or "")
        for item in said
        if item.offset >= 0
    }
