"""Every system a run talks to: opened once, closed together, each known by its name."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from ccops.clients.guard import address, password_of
from ccops.clients.http import open_http
from ccops.core.errors import Unreachable
from ccops.core.profile import Profile
from ccops.smoke.frames import frame_schemas
from ccops.smoke.model import Scenario, Watch
from ccops.smoke.probes.alerts import AlertsProbe, open_alerts_probe
from ccops.smoke.probes.base import Probe
from ccops.smoke.probes.clickhouse import ClickhouseProbe, open_clickhouse_probe
from ccops.smoke.probes.prom import MetricSource, PromProbe, ScrapeSource, ServerSource
from ccops.smoke.probes.redis import RedisProbe, open_redis_probe
from ccops.smoke.probes.sql import SqlProbe, open_sql_probe
from ccops.smoke.watchers import Watcher
from ccops.smoke.watchers_kafka import KafkaWatcher
from ccops.smoke.watchers_ws import WsWatcher

if TYPE_CHECKING:
    import httpx

KEYS: Mapping[str, str] = {
    "http": "CCOPS_BACKEND_URL",
    "ws": "CCOPS_BACKEND_URL",
    "sql": "CCOPS_DATABASE_URL",
    "redis": "CCOPS_REDIS_URL",
    "kafka": "CCOPS_KAFKA_BOOTSTRAP",
    "clickhouse": "CCOPS_CLICKHOUSE_URL",
    "prom": "CCOPS_PROMETHEUS_URL",
    "worker": "CCOPS_WORKER_URL",
    "alerts": "CCOPS_ALERTMANAGER_URL",
}


@dataclass(frozen=True, slots=True)
class Targets:
    """Where each system is, by the profile."""

    env: str
    urls: Mapping[str, str]
    ours: bool = True
    # Site id and password of the backend's administrator; empty where the profile names none.
    admin: tuple[str, str] = field(default=("", ""), repr=False)
    # What signs webhooks like the payment provider; empty where the profile names none.
    webhook_secret: str = field(default="", repr=False)
    # For acts that change the stack itself.
    profile: Profile | None = field(default=None, repr=False)

    @classmethod
    def of(cls, profile: Profile) -> Targets:
        """Return the targets that `profile` names."""
        urls = {name: url for name, key in KEYS.items() if (url := profile.get(key))}
        admin = (profile.get("CCOPS_ADMIN_SITE_ID"), profile.get("CCOPS_ADMIN_PASSWORD"))
        secret = profile.get("CCOPS_WEBHOOK_SECRET")
        return cls(profile.env, urls, profile.ours, admin, secret, profile)

    def names(self) -> dict[str, str]:
        """Return what every expression may use."""
        found = {"env": self.env}
        if all(self.admin):
            found |= {"admin_site_id": self.admin[0], "admin_password": self.admin[1]}
        if self.webhook_secret:
            found["webhook_secret"] = self.webhook_secret
        return found

    def url(self, system: str) -> str:
        """Return the URL of `system`. Raises Unreachable, with the next command, when there is none."""
        if system in self.urls:
            return self.urls[system]
        raise Unreachable(
            "STACK_DOWN",
            f"there is no address for {system}: the stack of {self.env!r} is not running",
            evidence=f"{KEYS[system]} is set neither in env/{self.env}.env nor by a living stack",
            next_step=self._start() if self.ours else f"set {KEYS[system]} in env/{self.env}.env",
        )

    def _start(self) -> str:
        return "ccops up" if self.env == "dev" else f"ccops up --env {self.env}"

    def addresses(self, systems: Sequence[str]) -> dict[str, str]:
        """Return host:port of each of `systems`; for prom the places that are read instead."""
        found = {name: address(self.urls[name]) for name in systems if name in self.urls}
        if "prom" in systems and "prom" not in found:
            places = [address(self.urls[name]) for name in ("http", "worker") if name in self.urls]
            found["prom"] = " + ".join(f"{place}/metrics" for place in places)
        return found

    def passwords(self) -> list[str]:
        """Return the passwords inside the URLs, the administrator's and the webhooks', to be masked."""
        found = [password_of(url) for url in self.urls.values()]
        return [word for word in (*found, self.admin[1], self.webhook_secret) if word]


@dataclass(slots=True)
class Systems:
    """The open systems of one run. `probe` and `client` open on first use; `close` ends everything."""

    targets: Targets
    watchers: dict[str, Watcher] = field(default_factory=dict)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _open: dict[str, asyncio.Task[object]] = field(default_factory=dict)

    async def require(self, systems: Sequence[str]) -> None:
        """Open all of `systems` side by side. Raises Unreachable for the first that does not answer."""
        jobs = [self._reach(name) for name in systems]
        done = await asyncio.gather(*jobs, return_exceptions=True)
        for problem in done:
            if isinstance(problem, BaseException):
                raise problem

    async def client(self) -> httpx.AsyncClient:
        """Return the HTTP client of the backend."""
        return cast("httpx.AsyncClient", await self._once("http", self._open_http))

    async def probe(self, where: str) -> Probe:
        """Return the probe of a system, or the watcher of that name."""
        if where in self.watchers:
            return self.watchers[where]
        return cast("Probe", await self._once(where, self._openers()[where]))

    def ready(self, where: str) -> Probe:
        """Return a probe that `probe` has opened before. Raises what opening it gave."""
        if where in self.watchers:
            return self.watchers[where]
        return cast("Probe", self._open[where].result())

    async def sql(self, *, writable: bool = False) -> SqlProbe:
        """Return the read-only SQL probe, or the connection that acts write with."""
        if not writable:
            return cast("SqlProbe", await self.probe("sql"))
        return cast("SqlProbe", await self._once("sql-acts", lambda: self._open_sql(read_only=False)))

    async def redis(self) -> RedisProbe:
        """Return the Redis probe."""
        return cast("RedisProbe", await self.probe("redis"))

    async def clickhouse(self) -> ClickhouseProbe:
        """Return the ClickHouse probe."""
        return cast("ClickhouseProbe", await self.probe("clickhouse"))

    async def own(self, where: str) -> Probe:
        """Return a probe on a connection of its own (invariants must not queue behind effects)."""
        return cast("Probe", await self._once(f"own-{where}", self._openers()[where]))

    def watch(self, watch: Watch, target: object) -> Watcher:
        """Declare a watcher; it is opened by `arm`."""
        watcher: Watcher
        if watch.kind == "ws":
            schemas = frame_schemas(self.targets.profile, str(target))
            watcher = WsWatcher(watch.name, self.targets.url("ws"), str(target), schemas)
        else:
            topics = target if isinstance(target, list | tuple) else [target]
            watcher = KafkaWatcher(watch.name, self.targets.url("kafka"), [str(topic) for topic in topics])
        self.watchers[watch.name] = watcher
        return watcher

    async def close(self) -> None:
        """Close watchers, probes and clients; safe to call twice."""
        await asyncio.gather(*(one.close() for one in self.watchers.values()), return_exceptions=True)
        await asyncio.gather(*self._open.values(), return_exceptions=True)
        with contextlib.suppress(Exception):  # a server that is gone can't be said goodbye to
            await self._stack.aclose()

    async def _reach(self, name: str) -> None:
        if name in {"http", "ws"}:
            client = await self.client()
            await _answers(client, self.targets.url(name))
        elif name == "kafka":
            self.targets.url("kafka")  # the watcher itself proves that it answers
        elif name in self._openers():
            await self.probe(name)

    async def _once(self, name: str, opener: Callable[[], Awaitable[object]]) -> object:
        if name not in self._open:
            self._open[name] = asyncio.ensure_future(opener())
        return await asyncio.shield(self._open[name])

    def _openers(self) -> Mapping[str, Callable[[], Awaitable[object]]]:
        enter, url = self._stack.enter_async_context, self.targets.url
        return {
            "sql": self._open_sql,
            "redis": lambda: enter(open_redis_probe(url("redis"))),
            "clickhouse": lambda: enter(open_clickhouse_probe(url("clickhouse"))),
            "prom": self._open_prom,
            "alerts": self._open_alerts,
        }

    async def _open_http(self) -> httpx.AsyncClient:
        return await self._stack.enter_async_context(open_http(self.targets.url("http"), timeout=30.0))

    async def _open_sql(self, *, read_only: bool = True) -> SqlProbe:
        probe = open_sql_probe(self.targets.url("sql"), read_only=read_only)
        return await self._stack.enter_async_context(probe)

    async def _open_alerts(self) -> AlertsProbe:
        from ccops.rules.places import alertmanager_of

        # A living stack may have no Alertmanager: then the next step is to install one, not `ccops up`.
        profile = self.targets.profile
        if profile is not None and "alerts" not in self.targets.urls:
            url = alertmanager_of(profile)
        else:
            url = self.targets.url("alerts")
        return await self._stack.enter_async_context(open_alerts_probe(url))

    async def _open_prom(self) -> PromProbe:
        scrapes: dict[str, MetricSource] = {}
        for label, system in (("backend", "http"), ("worker", "worker")):
            if system in self.targets.urls:
                client = await self._stack.enter_async_context(
                    open_http(self.targets.urls[system], timeout=5.0)
                )
                scrapes[label] = ScrapeSource(label, client)
        server: MetricSource | None = None
        if url := self.targets.urls.get("prom"):
            from ccops.clients.prometheus import open_prometheus

            server = ServerSource(await self._stack.enter_async_context(open_prometheus(url)), url)
        if not scrapes and server is None:
            self.targets.url("prom")
        return PromProbe(scrapes, server)


def systems_of(scenario: Scenario) -> tuple[str, ...]:
    """Return the systems that a scenario needs, in the order of its `requires`."""
    return scenario.requires or ("http",)


async def _answers(client: httpx.AsyncClient, url: str) -> None:
    """Raise Unreachable unless something speaks HTTP at `url`; any status will do."""
    import httpx

    from ccops.clients.guard import unreachable

    try:
        await client.get("/health")
    except httpx.TransportError as error:
        raise unreachable("backend", url, error) from None
