"""Apache Kafka itself: one KRaft node, from jars that Maven brought (kafka_jars)."""

from __future__ import annotations

import base64
import uuid
from pathlib import Path

from ccops.stack.paths import StateDir, read_json
from ccops.stack.probes import KafkaProbe
from ccops.stack.service import HOST, Prepare, Service, Site, Step
from ccops.stack.services import kafka_choice, kafka_jars
from ccops.stack.services.pythonenv import base_env

# The serial collector and the first compiler alone: half the start time, and no threads we don't need.
_JVM = ("-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true")
_SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    # A single node can't replicate; few partitions inside keep the start short.
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    # Tests and scenarios take members with a short session.
    "group.min.session.timeout.ms": "1000",
    "log.segment.bytes": "67108864",
    # A killed broker can't register again before its old session ends: 9 s unless said otherwise.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
}


class ApacheProvider:
    """Real Kafka: needs Java 17 and, the first time, Maven."""

    name = "apache"
    gaps = ("one node: replication factor 1, so nothing about fail-over can be seen",)
    keeps_ghosts = False

    def build(self, site: Site) -> Service:
        """Return the broker. Raises Refused without Java or without jars."""
        state_dir = StateDir(site.root)
        port, controller = site.ports["kafka"], site.ports.get("kafka_controller", 0)
        java, jars, heap = _found(state_dir)
        data, conf = state_dir.data("kafka-apache"), state_dir.conf("kafka.properties")
        new, new_conf = state_dir.data(".kafka-apache.new"), state_dir.conf("kafka-format.properties")
        program = (
            java,
            *_JVM,
            f"-Xmx{heap}",
            f"-Dlog4j2.configurationFile={kafka_jars.LOGGING}",
            "-cp",
            f"{jars}/*",
        )
        form = ("kafka.tools.StorageTool", "format", "-t", _cluster_id(), "-c", str(new_conf))
        return Service(
            name="kafka",
            argv=(*program, "kafka.Kafka", str(conf)),
            env=base_env(),
            ports=(port, controller),
            ready=KafkaProbe(port),
            stop_timeout_s=20.0,
            ready_timeout_s=60.0,
            files={conf: _properties(port, controller, data), new_conf: _properties(port, controller, new)},
            prepare=Prepare(data, new, (Step((*program, *form)),)),
            note=f"Apache Kafka {kafka_jars.version()}, {'; '.join(self.gaps)}",
        )


def _found(state_dir: StateDir) -> tuple[str, Path, str]:
    """Return Java, jars and memory as `ccops up` found them; the supervisor has another environment."""
    kept = read_json(state_dir.kafka)
    java, jars, heap = kept.get("java"), kept.get("jars"), kept.get("heap")
    memory = heap if isinstance(heap, str) else kafka_choice.HEAP
    if isinstance(java, str) and isinstance(jars, str) and Path(jars).is_dir():
        return java, Path(jars), memory
    return kafka_jars.java(), kafka_jars.folder(), memory


def _properties(port: int, controller: int, data: Path) -> str:
    here = f"PLAINTEXT://{HOST}:{port}"
    every = _SETTINGS | {
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "listeners": f"{here},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": here,
        "log.dirs": str(data),
    }
    return "".join(f"{key}={value}\n" for key, value in every.items())


def _cluster_id() -> str:
    """Return a new cluster id in Kafka's own form; like Kafka's, it never begins with a dash."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text
