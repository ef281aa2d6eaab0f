"""The worker: outbox relays to Kafka and WebSockets, the ClickHouse ingester, the sweeper of holds."""

from __future__ import annotations

import signal

from ccops.stack.probes import HttpProbe
from ccops.stack.service import HOST, Service, Site
from ccops.stack.services import kafka
from ccops.stack.services.backend import module, program_env
from ccops.stack.services.graph import NEEDS

_ROLES = "kafka-relay,realtime-relay,ingester,sweeper,crash"


def build(site: Site) -> Service:
    """Return the worker; a broker that keeps dead members is restarted before a crashed worker returns."""
    port = site.ports["worker"]
    return Service(
        name="worker",
        argv=module("worker", "--roles", _ROLES),
        env=program_env(site),
        ports=(port,),
        needs=NEEDS["worker"],
        ready=HttpProbe(port, "/health"),
        death_signal=signal.SIGKILL,
        bounce=("kafka",) if kafka.provider(site).keeps_ghosts else (),
    )


def url(site: Site) -> str:
    """Return the base URL of the worker's /metrics and /health."""
    return f"http://{HOST}:{site.ports['worker']}"
