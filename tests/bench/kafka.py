"""`ccops kafka reset --to-datetime`, a dry run, beside Apache's own tool: the same real broker, in turns."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from ccops.core.errors import Refused
from ccops.stack.services import kafka_jars
from tests.bench.figures import Figure, figure
from tests.bench.kafka_big import big_broker
from tests.bench.machine import BenchFailed, clean_env
from tests.bench.plan import Context
from tests.kafka_kit import running_broker, until

# Partitions and the ratio of wall times that we must not exceed.
SIZES = ((1, 0.35), (100, 0.35), (5000, 1.0))
RSS_MB = 150.0
HOUR_MS = 3_600_000
# What Apache's own script gives its tools (kafka-run-class.sh of 4.x).
_JVM = ("-Xmx256M", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:+ExplicitGCInvokesConcurrent")
_TOOL = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"


@dataclass(frozen=True, slots=True)
class Rig:
    """A broker, and what a process needs to find it as the profile dev."""

    bootstrap: str
    env: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Cost:
    """One process: wall seconds and the most memory it held."""

    seconds: float
    rss_mb: float


def bench(context: Context) -> list[Figure]:
    """Start the provider, then time both tools on 1, 100 and 5,000 partitions."""
    try:
        kafka_jars.java()
    except Refused as err:
        raise BenchFailed(f"{err.message}: {kafka_jars.JAVA_LINE}") from err
    with tempfile.TemporaryDirectory() as folder:
        figures = [_starts(context, Path(folder) / "start")]
        with running_broker("apache", Path(folder) / "home") as broker:
            rig = Rig(broker.bootstrap, broker.env)
            for partitions, target in SIZES[:-1]:
                figures += _compare(context, rig, partitions, target)
        with big_broker() as address:
            rig = Rig(address, {"CCOPS_HOME": folder, "CCOPS_KAFKA_BOOTSTRAP": address})
            figures += _compare(context, rig, *SIZES[-1])
    return figures


def _starts(context: Context, home: Path) -> Figure:
    times = []
    with running_broker("apache", home) as broker:
        for _ in range(context.runs):
            checked = broker.ccops("down", "kafka")
            began = time.perf_counter()
            done = broker.ccops("up", "kafka")
            times.append(time.perf_counter() - began)
            if checked.code or done.code:
                raise BenchFailed(done.err or checked.err)
    return figure(
        "apache provider, up", "s", times, "whole `ccops up kafka` on existing data, jars verified", target=4
    )


def _compare(context: Context, broker: Rig, partitions: int, target: float) -> list[Figure]:
    topic, group, moment = _filled(broker, partitions)
    stamp = datetime.fromtimestamp(moment / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000")
    ours_argv = [sys.executable, "-m", "ccops", "kafka", "reset", "--group", group, "--topic", topic]
    ours_argv += ["--to-datetime", f"{stamp}+00:00", "--any-name", "--no-silence", "-o", "json"]
    theirs_argv = [kafka_jars.java(), *_JVM, "-cp", f"{kafka_jars.folder()}/*", _TOOL, "--reset-offsets"]
    theirs_argv += ["--bootstrap-server", broker.bootstrap, "--group", group, "--topic", topic]
    theirs_argv += ["--to-datetime", stamp, "--dry-run"]
    ours, theirs = [], []
    _run(ours_argv, broker)
    for _ in range(context.runs):
        ours.append(_run(ours_argv, broker))
        theirs.append(_run(theirs_argv, broker))
    context.say(f"{partitions}: {ours[-1].seconds:.2f} s beside {theirs[-1].seconds:.2f} s")
    ratios = [one.seconds / other.seconds for one, other in zip(ours, theirs, strict=True)]
    name, rests = f"reset, {partitions} partition(s)", "dry run, whole processes in turns, one real broker"
    return [
        figure(f"{name} / Apache's tool", "x", ratios, f"{rests}; ratio of each pair", target=target),
        figure(name, "s", [one.seconds for one in ours], rests),
        figure(f"{name}, Apache's tool", "s", [one.seconds for one in theirs], f"{rests}; -Xmx256M, G1"),
        figure(f"{name}, RSS", "MB", [one.rss_mb for one in ours], "most of the process", target=RSS_MB),
    ]


def _filled(broker: Rig, partitions: int) -> tuple[str, str, int]:
    """Return a topic with two records a partition, a group that has read both, and a moment between them."""
    topic, group = f"cc.bench.p{partitions}.dev", f"cc.bench.g{partitions}.dev"
    start = int(time.time()) * 1000 - HOUR_MS
    admin = AdminClient({"bootstrap.servers": broker.bootstrap, "log_level": 0})
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(120)
    asked = {TopicPartition(topic, number): OffsetSpec.latest() for number in range(partitions)}
    if not until(lambda: not any(one.exception(60) for one in admin.list_offsets(asked).values()), 180, 1):
        raise BenchFailed(f"{topic} has partitions without a leader")
    producer = Producer(
        {"bootstrap.servers": broker.bootstrap, "log_level": 0, "message.timeout.ms": 120_000}
    )
    lost: list[str] = []
    for stamp in (start, start + 10_000):
        for partition in range(partitions):
            producer.produce(
                topic,
                b"x",
                partition=partition,
                timestamp=stamp,
                on_delivery=lambda error, _: lost.append(str(error)) if error else None,
            )
        if producer.flush(120) or lost:
            raise BenchFailed(f"{topic} could not be filled: {lost[:1]}")
    places = [TopicPartition(topic, number, 2) for number in range(partitions)]
    group_offsets = [ConsumerGroupTopicPartitions(group, places)]

    def committed() -> bool:
        answer = admin.alter_consumer_group_offsets(group_offsets)[group].result(120)
        return not any(one.error for one in answer.topic_partitions)

    if not until(committed, 60, 0.5):
        raise BenchFailed(f"{group} could not be made")
    return topic, group, start + 5_000


def _run(argv: Sequence[str], broker: Rig) -> Cost:
    """Time one process and ask the kernel for the most memory it had."""
    with tempfile.TemporaryFile() as said:
        began = time.perf_counter()
        process = subprocess.Popen(
            argv, env=clean_env(broker.env), stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read().decode("utf-8", "replace")
    # Apache's tool ends with 0 after an error, too.
    if process.returncode or "Error:" in text or "cc.bench." not in text:
        raise BenchFailed(f"{argv[1:6]} exited {process.returncode}: {text[-400:]}")
    return Cost(seconds, usage.ru_maxrss / 1024)
