"""The table of services: name to builder, and what they tell their clients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ccops.stack.service import Service, Site
from ccops.stack.services import backend, clickhouse, kafka, migrate, postgres, prometheus, valkey, worker

BUILDERS: dict[str, Callable[[Site], Service]] = {
    "postgres": postgres.build,
    "redis": valkey.build,
    "kafka": kafka.build,
    "clickhouse": clickhouse.build,
    "migrate": migrate.build,
    "backend": backend.build,
    "worker": worker.build,
    "prometheus": prometheus.build,
}


def build(site: Site, names: Iterable[str]) -> dict[str, Service]:
    """Return the services `names`, in table order."""
    chosen = set(names)
    return {name: make(site) for name, make in BUILDERS.items() if name in chosen}


def stack_env(site: Site, names: Iterable[str]) -> Mapping[str, str]:
    """Return the keys of stack.env for the services `names`."""
    makers: dict[str, tuple[str, Callable[[Site], str]]] = {
        "backend": ("CCOPS_BACKEND_URL", backend.url),
        "worker": ("CCOPS_WORKER_URL", worker.url),
        "postgres": ("CCOPS_DATABASE_URL", postgres.url),
        "redis": ("CCOPS_REDIS_URL", valkey.url),
        "kafka": ("CCOPS_KAFKA_BOOTSTRAP", kafka.bootstrap),
        "clickhouse": ("CCOPS_CLICKHOUSE_URL", clickhouse.url),
        "prometheus": ("CCOPS_PROMETHEUS_URL", prometheus.url),
    }
    chosen = set(names)
    keys = {key: make(site) for name, (key, make) in makers.items() if name in chosen}
    if "backend" not in chosen:
        return keys
    return keys | backend.administrator(site) | backend.webhook_secret(site)
