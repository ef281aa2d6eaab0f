"""The table of services: name to builder, and what they tell their clients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ccops.stack.members import KEY, kind_of, number_of
from ccops.stack.service import Service, Site
from ccops.stack.services import (
    alertmanager,
    backend,
    clickhouse,
    kafka,
    kafka_exporter,
    migrate,
    postgres,
    prometheus,
    valkey,
    worker,
)
from ccops.stack.services.graph import in_order

BUILDERS: dict[str, Callable[[Site], Service]] = {
    "postgres": postgres.build,
    "redis": valkey.build,
    "kafka": kafka.build,
    "clickhouse": clickhouse.build,
    "migrate": migrate.build,
    "backend": backend.build,
    "worker": worker.build,
    "kafka-exporter": kafka_exporter.build,
    "alertmanager": alertmanager.build,
    "prometheus": prometheus.build,
}


def build(site: Site, names: Iterable[str]) -> dict[str, Service]:
    """Return the services `names`, in table order; a member is built like its service, with its own parts."""
    built: dict[str, Service] = {}
    for name in in_order(names):
        service, number = BUILDERS[kind_of(name)](site), number_of(name)
        built[name] = backend.member(site, service, number) if number else service
    return built


def stack_env(site: Site, names: Iterable[str]) -> Mapping[str, str]:
    """Return the keys of stack.env for the services `names`."""
    makers: dict[str, tuple[str, Callable[[Site], str]]] = {
        "backend": ("CCOPS_BACKEND_URL", backend.url),
        "worker": ("CCOPS_WORKER_URL", worker.url),
        "postgres": ("CCOPS_DATABASE_URL", postgres.url),
        "redis": ("CCOPS_REDIS_URL", valkey.url),
        "kafka": ("CCOPS_KAFKA_BOOTSTRAP", kafka.bootstrap),
        "clickhouse": ("CCOPS_CLICKHOUSE_URL", clickhouse.url),
        "alertmanager": ("CCOPS_ALERTMANAGER_URL", alertmanager.url),
        "prometheus": ("CCOPS_PROMETHEUS_URL", prometheus.url),
    }
    known = set(names)
    chosen, several = {kind_of(name) for name in known}, sum(number_of(name) > 0 for name in known)
    keys = {key: make(site) for name, (key, make) in makers.items() if name in chosen}
    if "backend" not in chosen:
        return keys
    if several:
        keys[KEY] = str(several)
    return keys | backend.administrator(site) | backend.webhook_secret(site)
