"""Losses, repeats and strangers planted on real servers, and what reconcile says of them."""

from __future__ import annotations

import json
import socket
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from confluent_kafka.admin import AdminClient

from ccops.core.errors import Refused, Unreachable, UsageError
from ccops.data.reconcile_model import Verdict
from ccops.data.reconcile_repair import apply, plan
from tests.conftest import Stack
from tests.integration.data.conftest import Planted, pointed
from tests.integration.data.reconciling import TOPICS, Three, three


@pytest.fixture
def systems(planted: Planted, contract: Callable[..., str]) -> Iterator[Three]:
    """Systems that hold 500 events, all of them everywhere."""
    with three(planted, contract({"topics.yml": TOPICS})) as made:
        made.events(500, at="pskc")
        yield made


def test_what_is_everywhere_passes_and_says_what_it_rests_on(systems: Three) -> None:
    found = systems.look()
    (topic,) = found.topics

    assert found.verdict is Verdict.PASS, topic
    assert (topic.tally.events, topic.tally.in_kafka, topic.tally.in_clickhouse) == (500, 500, 500)
    assert found.bound == pytest.approx(3 / 500, rel=0.01)
    assert int(found.exit_code()) == 0


@pytest.mark.parametrize(
    ("at", "missing"),
    [("pc", "missing_kafka"), ("pk", "missing_clickhouse"), ("p", "missing_kafka"), ("s", "missing_kafka")],
)
def test_a_loss_on_one_side_fails_with_its_id(systems: Three, at: str, missing: str) -> None:
    (lost,) = systems.events(1, at=at)
    found = systems.look()
    (topic,) = found.topics

    assert (found.verdict, topic.tally.lost, getattr(topic.tally, missing)) == (Verdict.FAIL, 1, 1)
    assert topic.samples[missing] == [str(lost.id)]
    assert systems.look(max_loss=0.005).verdict is Verdict.PASS


@pytest.mark.parametrize(("at", "foreign"), [("k", "foreign_kafka"), ("c", "foreign_clickhouse")])
def test_a_stranger_on_one_side_fails_with_its_id(systems: Three, at: str, foreign: str) -> None:
    (alien,) = systems.events(1, at=at)
    found = systems.look(max_loss=1.0)

    assert (found.verdict, getattr(found.topics[0].tally, foreign)) == (Verdict.FAIL, 1)
    assert found.topics[0].samples[foreign] == [str(alien.id)]


def test_repeats_are_told_from_doubled_rows(systems: Three) -> None:
    made = systems.events(20)
    systems.kafka(made)
    systems.clickhouse(made)  # the same key: FINAL merges it
    found = systems.look()
    assert (found.verdict, found.topics[0].tally.repeated_kafka) == (Verdict.PASS, 20)

    systems.clickhouse(made[:3], user=2)  # another sorting key: FINAL keeps both
    found = systems.look(max_loss=1.0)
    assert (found.verdict, found.topics[0].tally.doubled_clickhouse) == (Verdict.FAIL, 3)


def test_late_is_inconclusive_and_old_is_lost(systems: Three) -> None:
    systems.events(5, at="p", age_s=2)
    late = systems.look(settle_s=30)
    assert (late.verdict, late.topics[0].tally.fresh) == (Verdict.INCONCLUSIVE, 5)
    assert (int(late.exit_code()), int(late.exit_code(strict=True))) == (0, 1)

    assert systems.look(settle_s=0.5).verdict is Verdict.FAIL


def test_rows_of_another_topic_and_another_hour_are_nobodys_concern(systems: Three) -> None:
    systems.clickhouse(systems.events(3, at=""), topic="cc.actions.events.elsewhere")
    systems.events(4, at="kc", age_s=7200)
    assert systems.look().verdict is Verdict.PASS


def test_garbage_in_the_topic_is_counted_and_is_no_event(systems: Three) -> None:
    good = {"event_id": str(uuid.uuid4()), "ts": "2026-11-23T00:00:00", "data": {}}  # without a zone
    systems.produce([b"\xff\xfe", b"[]", b"{}", b'{"event_id": 7, "ts": 7}', json.dumps(good).encode(), b""])
    found = systems.look()

    assert (found.verdict, found.topics[0].tally.unreadable) == (Verdict.PASS, 6)
    assert found.topics[0].samples["unreadable"][0].startswith(f"{systems.topic}:")


def test_a_breakdown_names_what_was_lost(systems: Three) -> None:
    systems.events(7, kind="BET")
    systems.events(2, at="pk", kind="BET")
    found = systems.look(by="action_type")
    kinds = found.topics[0].kinds

    assert {word: (one.events, one.lost) for word, one in kinds.items()} == {"LOGIN": (500, 0), "BET": (9, 2)}


def test_what_waits_in_the_outbox_is_said_so(systems: Three) -> None:
    systems.postgres(systems.events(4, at=""), acked=False)
    (topic,) = systems.look().topics
    assert (topic.tally.lost, topic.tally.pending, topic.repair) == (4, 4, [])


def test_a_retention_that_ate_records_is_no_loss(systems: Three) -> None:
    from confluent_kafka import TopicPartition

    with psycopg.connect(systems.profile.get("CCOPS_DATABASE_URL"), autocommit=True) as conn:
        conn.execute(
            "UPDATE outbox SET kafka_offset = 0, kafka_partition = 0 WHERE topic = %s", [systems.topic]
        )
        conn.execute(
            "UPDATE outbox SET kafka_partition = 1 WHERE mod(id, 2) = 0 AND topic = %s", [systems.topic]
        )
    admin = AdminClient({"bootstrap.servers": systems.bootstrap})
    for done in admin.delete_records([TopicPartition(systems.topic, part, -1) for part in range(3)]).values():
        done.result(10)
    found = systems.look()

    assert (found.verdict, found.topics[0].tally.expired) == (Verdict.INCONCLUSIVE, 500)


def test_an_empty_window_proves_nothing(planted: Planted, contract: Callable[..., str]) -> None:
    with three(planted, contract({"topics.yml": TOPICS})) as made:
        found = made.look()
        assert (found.verdict, int(found.exit_code()), found.bound) == (Verdict.EMPTY, 1, 1.0)


@pytest.mark.parametrize("key", ["CCOPS_DATABASE_URL", "CCOPS_KAFKA_BOOTSTRAP", "CCOPS_CLICKHOUSE_URL"])
def test_an_unreachable_system_is_four_and_shows_no_password(systems: Three, key: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{probe.getsockname()[1]}"
        url = where if key.endswith("BOOTSTRAP") else f"http://u:hunter2@{where}/casino"
        url = url.replace("http", "postgresql") if "DATABASE" in key else url
        systems.profile = pointed(systems.profile, **{key: url})
        with pytest.raises(Unreachable) as caught:
            systems.look()
    assert int(caught.value.exit_code) == 4
    assert "hunter2" not in f"{caught.value.message}{caught.value.evidence}"


def test_words_that_fit_nothing_are_usage_errors(systems: Three) -> None:
    with pytest.raises(UsageError) as caught:
        systems.look(by="a; DROP TABLE outbox")
    assert caught.value.code == "BREAKDOWN_INVALID"


def test_no_consumer_group_is_left_behind(systems: Three) -> None:
    systems.look()
    groups = AdminClient({"bootstrap.servers": systems.bootstrap}).list_consumer_groups().result(10)
    assert [one.group_id for one in groups.valid if "observer" in one.group_id] == []


def test_a_protected_profile_is_repaired_only_by_name(systems: Three) -> None:
    systems.events(1, at="pk")
    planned = plan(systems.look())
    profile = pointed(systems.profile, CCOPS_PROTECTED="1")

    assert [step.send_again for step in planned.steps] == [1]
    for confirm in ("", profile.env, "prod:reconcile"):
        with pytest.raises(Refused) as caught:
            apply(profile, planned, confirm=confirm)
        assert f"--confirm {profile.env}:reconcile" in caught.value.next_step
    with psycopg.connect(profile.get("CCOPS_DATABASE_URL")) as conn:
        assert conn.execute("SELECT count(*) FROM outbox WHERE kafka_acked_at IS NULL").fetchone() == (0,)


_LIE = """
WITH made AS (
    INSERT INTO user_actions (event_id, trace_id, user_id, action_type, context)
    SELECT gen_random_uuid(), 'reconcile-lie', min(id), 'LIE', '{}' FROM users RETURNING *
)
INSERT INTO outbox (event_id, trace_id, request_id, user_id, type, topic, realtime, payload,
                    kafka_partition, kafka_offset, kafka_acked_at)
SELECT event_id, trace_id, 'r', user_id, 'user_action', 'cc.actions.events.dev', false,
       jsonb_build_object('action_type', 'LIE', 'context', '{}'::jsonb, 'client_ts', NULL,
                          'server_ts', now()), 0, 0, clock_timestamp()
  FROM made RETURNING event_id::text
"""


def test_the_command_plans_a_repair_and_the_relay_carries_it_out(stack: Stack) -> None:
    """An outbox row that says it was acknowledged, and no record: the worst a broker can do."""
    since = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    with psycopg.connect(stack.url("CCOPS_DATABASE_URL"), autocommit=True) as conn:
        row = conn.execute(_LIE).fetchone()
    assert row
    look = ("data", "reconcile", "--since", since, "--settle", "0", "--topic", "actions.events")

    failed = stack.ccops(*look, "--repair")
    assert failed.code == 1, failed.out + failed.err
    assert row[0] in failed.err
    assert "1 would be sent again" in failed.out

    mended = stack.ccops(*look, "--repair", "--apply", "-o", "json")
    assert mended.code == 0, mended.out + mended.err
    assert json.loads(mended.out)["data"]["repair"]["unmarked"] == 1

    passed = stack.ccops(*look, "-o", "json")
    data = json.loads(passed.out)["data"]
    assert (passed.code, data["verdict"], data["lost"]) == (0, "PASS", 0), passed.out


def test_a_broker_that_acknowledges_and_keeps_nothing_is_found(stack: Stack) -> None:
    """The planted fault `kafka`: acknowledged records that are not there; sent again by a healthy worker."""
    since = datetime.now(UTC).isoformat()
    look = ("data", "reconcile", "--since", since, "--settle", "0", "--topic", "actions.events")
    assert stack.ccops("restart", "worker", "--set", "FAULT=kafka").code == 0
    try:
        stack.ccops("smoke", "ws", "--duration", "1s", "--reconnects", "0")
        failed = stack.ccops(*look, "-o", "json")
    finally:
        assert stack.ccops("restart", "worker").code == 0
    topic = json.loads(failed.out)["data"]["topics"][0]
    assert (failed.code, topic["verdict"]) == (1, "FAIL"), failed.out
    assert topic["lost"] == topic["events"] == topic["missing_kafka"] > 3

    mended = stack.ccops(*look, "--repair", "--apply")
    assert mended.code == 0, mended.out + mended.err
    assert stack.ccops(*look).code == 0


def test_a_window_without_a_zone_is_a_usage_error(stack: Stack) -> None:
    ran = stack.ccops("data", "reconcile", "--since", "2026-11-23T00:00:00")
    assert (ran.code, "WINDOW_INVALID" in ran.err) == (2, True)
