"""The lag of consumer groups for Prometheus: our own process with the names of kafka_exporter."""

from __future__ import annotations

import signal
import sys

from ccops.stack.probes import HttpProbe
from ccops.stack.service import Service, Site
from ccops.stack.services import kafka
from ccops.stack.services.graph import NEEDS
from ccops.stack.services.pythonenv import base_env
from ccops.stack.services.wheels import package_dir


def build(site: Site) -> Service:
    """Return the exporter. It keeps nothing: an orphan is killed."""
    package_dir("confluent_kafka", "the Kafka lag exporter")
    port = site.ports["kafka-exporter"]
    options = ("--bootstrap", kafka.bootstrap(site), "--port", str(port), "--env", site.env)
    return Service(
        name="kafka-exporter",
        argv=(sys.executable, "-P", "-m", "ccops.stack.kafka_exporter", *options),
        env=base_env(),
        ports=(port,),
        needs=NEEDS["kafka-exporter"],
        ready=HttpProbe(port, "/healthz"),
        death_signal=signal.SIGKILL,
    )
