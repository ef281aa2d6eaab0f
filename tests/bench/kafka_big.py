"""A real broker for 5,000 partitions: the provider has a quarter of the memory, and a disk to wait for."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from ccops.stack.services import kafka_apache, kafka_jars
from tests.bench.machine import BenchFailed

# A broker syncs a file or two for each partition it opens; in memory 5,000 take half a minute.
_MEMORY = Path("/dev/shm")
_JVM = ("-Xmx1g", "-XX:+UseSerialGC")
_START_S = 90.0


@contextmanager
def big_broker() -> Iterator[str]:
    """Yield the address of a broker with the provider's settings, 1 GB of heap and its data in memory."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None) as name:
        folder, (port, controller) = Path(name), (_free(), _free())
        conf = folder / "kafka.properties"
        conf.write_text(kafka_apache._properties(port, controller, folder / "data"), encoding="utf-8")
        logging = f"-Dlog4j2.configurationFile={kafka_jars.LOGGING}"
        java = (kafka_jars.java(), *_JVM, logging, "-cp", f"{kafka_jars.folder()}/*")
        form = ("kafka.tools.StorageTool", "format", "-t", kafka_apache._cluster_id(), "-c", str(conf))
        with (folder / "log").open("wb") as log:
            subprocess.run([*java, *form], check=True, stdout=log, stderr=log)
            process = subprocess.Popen([*java, "kafka.Kafka", str(conf)], stdout=log, stderr=log)
        try:
            _answers(f"127.0.0.1:{port}")
            yield f"127.0.0.1:{port}"
        finally:
            process.kill()  # nothing of it is kept
            process.wait(30)


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _answers(bootstrap: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    end = time.monotonic() + _START_S
    while True:
        try:
            admin.list_topics(timeout=10)
        except KafkaException as error:
            if time.monotonic() > end:
                raise BenchFailed(f"the large broker did not start within {_START_S:.0f} s") from error
            time.sleep(0.2)
        else:
            return
