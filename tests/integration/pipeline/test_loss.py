"""The ingester counts what it should hold: a missing event shows, on the sample that it rests on."""

from __future__ import annotations

from collections.abc import Callable

from tests.integration.pipeline.kit import Player, Stores, until
from tests.integration.pipeline.test_faults import arrived

OFTEN = "import ccops.backend.olap.status as m; m._FIRST_LOSS_CHECK_S = 0.0; m._LOSS_CHECK_S = 0.5"
RATIO = 'olap_ingest_missing_ratio{table="events"}'
CHECKED = 'olap_ingest_checked_events{table="events"}'


def test_a_missing_event_shows_in_the_ratio(stores: Stores, player: Callable[[], Player]) -> None:
    user = player()
    user.act_fast(40)
    # What is younger than two minutes may still be on its way, so these happened earlier.
    stores.sql("UPDATE outbox SET created_at = now() - interval '10 minutes' WHERE user_id = %s", user.id)
    with stores.worker(patch=OFTEN) as worker:
        until(lambda: len(arrived(stores, user)) == 40, 20)
        until(lambda: worker.metric(CHECKED) >= 40 and worker.metric(RATIO) == 0)
        lost = arrived(stores, user)[0]
        stores.clickhouse_run(f"ALTER TABLE casino.events DELETE WHERE event_id = '{lost}'")
        until(lambda: worker.metric(RATIO) == 1 - (worker.metric(CHECKED) - 1) / worker.metric(CHECKED))


def test_the_gauges_of_each_group_are_there_and_say_who_reads(
    stores: Stores, player: Callable[[], Player]
) -> None:
    groups = dict.fromkeys(("actions", "games", "economy", "shop"), 6) | {"players": 18}
    with stores.worker() as worker:
        for name, parts in groups.items():
            label = f'{{group="cc.{name}.clickhouse.dev"}}'
            until(lambda label=label: worker.metric(f"kafka_consumer_assigned_partitions{label}"), 20)
            assert worker.metric(f"kafka_consumer_assigned_partitions{label}") == parts
        seen = 'kafka_consumer_last_message_timestamp_seconds{group="cc.actions.clickhouse.dev"}'
        before = worker.metric(seen)
        user = player()
        user.act()
        until(lambda: worker.metric(seen) > before)
