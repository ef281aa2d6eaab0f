"""The stack on Docker beside the embedded one, and what a second and a fourth backend are good for.

Needs a Docker engine of its own (root, Debian; as tests/e2e/compose): where none can start it is skipped.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

import psutil
import psycopg

from tests.bench import backend as writes
from tests.bench.crowd import crowd
from tests.bench.figures import Figure, bound_rank, figure
from tests.bench.journey import walk
from tests.bench.load import Place, offer_over
from tests.bench.machine import (
    CCOPS,
    BenchFailed,
    BenchSkipped,
    Memory,
    Timed,
    checked,
    clean_env,
    memory_of,
    timed,
)
from tests.bench.memory import by_service
from tests.bench.plan import Context
from tests.bench.stack import Home
from tests.e2e.compose import images
from tests.e2e.compose.engine import Engine, NoEngine, running

COUNTS, SECONDS = (1, 2, 4), 3
# As many as one backend's pool to PostgreSQL, and as many as those of four.
FEW, MANY = 16, 64
# Where others share the machine many short turns in all orders say more than a few long ones.
_TURNS = 2
_CAUGHT_UP_S = 900  # half a million purchases wait while the worker is stopped
_PLAYERS, _LATE = writes.PLAYERS, 0.02
_LABEL = "com.docker.compose"


@dataclass(slots=True)
class OnDocker(Home):
    """A stack on the engine; its containers and volumes go with it."""

    engine: Engine = field(default_factory=lambda: Engine(CCOPS))
    names: dict[str, str] = field(default_factory=dict)

    def ccops(self, *args: str) -> Timed:
        """Run a command against this stack."""
        extra = {"CCOPS_HOME": str(self.path), "CCOPS_MODE": "compose", **self.engine.env, **self.names}
        return timed([str(CCOPS), *args], clean_env(extra), 400)

    def scaled(self, count: int) -> Timed:
        """Start everything with `count` backends."""
        words = ("up", "--mode", "compose", "--scale", f"backend={count}", "--wait-timeout", "300")
        return checked(self.ccops(*words), " ".join(words))

    def urls(self) -> list[str]:
        """Return the address of every backend."""
        try:
            return self.url("CCOPS_BACKEND_URLS").split(",")
        except BenchFailed:  # a single one
            return [self.url("CCOPS_BACKEND_URL")]

    def memory(self) -> dict[str, Memory]:
        """Return the memory of the containers by service: their processes and all below those."""
        found: dict[str, Memory] = defaultdict(Memory)
        form = f'{{{{.State.Pid}}}} {{{{index .Config.Labels "{_LABEL}.service"}}}}'
        for line in self.engine.docker("inspect", "-f", form, *self._running()).splitlines():
            pid, _, name = line.partition(" ")
            first = psutil.Process(int(pid))
            for process in (first, *first.children(recursive=True)):
                found[name] += memory_of(process.pid)
        return dict(found)

    def places(self) -> list[Place]:
        """Return where each backend answers on the stack's own network, as a load balancer there would ask.

        The published ports go through a forwarder in user space for each of them: 100 us of CPU a request.
        """
        form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        found = self.engine.docker("inspect", "-f", form, *self._running(f"{_LABEL}.service=backend"))
        return [(address, 8000) for address in found.split()]

    def _running(self, *more: str) -> list[str]:
        words = [word for text in (f"{_LABEL}.project", *more) for word in ("--filter", f"label={text}")]
        return self.engine.docker("ps", "-q", *words).split()

    @contextmanager
    def worker_stopped(self) -> Iterator[None]:
        """Freeze the worker: its container stays what it is."""
        (worker,) = self._running(f"{_LABEL}.service=worker")
        self.engine.docker("pause", worker)
        try:
            yield
        finally:
            self.engine.docker("unpause", worker)

    def close(self) -> None:
        """Remove containers, volumes and the home."""
        self.ccops("down", "--wipe", "--confirm", "dev", "--mode", "compose")
        Home.close(self)  # a class with slots is made anew, and super() without words would miss it


@dataclass(frozen=True, slots=True)
class Start:
    """How long a stack took to be ready from nothing, and what it holds after a journey."""

    seconds: float
    memory: dict[str, Memory]
    verdict: str

    @property
    def pss(self) -> float:
        """Return all of it in MB."""
        return sum(one.pss for one in self.memory.values())


def bench(context: Context) -> list[Figure]:
    """Measure both engines once, then rounds of one, two and four backends, `_TURNS` for each run."""
    try:
        with running() as engine:
            context.say("replicas: images (minutes, unless an engine is kept)")
            names = images.build(engine)
            embedded = _embedded()
            with closing(OnDocker(engine=engine, names=names)) as home:
                return _figures(context, home, embedded)
    except NoEngine as err:
        raise BenchSkipped(f"no Docker engine on this machine: {err}") from None


def _embedded() -> Start:
    with Home() as home:
        seconds = home.up().seconds
        run = walk(home)
        return Start(seconds, by_service(home), run.verdict)


def _figures(context: Context, home: OnDocker, embedded: Start) -> list[Figure]:
    seconds = home.scaled(1).seconds
    run = walk(home)
    docker = Start(seconds, home.memory(), run.verdict)
    sizes = {1: docker.memory["backend"].pss}
    for count in COUNTS[1:]:
        home.scaled(count)
        sizes[count] = home.memory()["backend"].pss
    offered = Offered(asyncio.run(_players(home)), home.places())
    with home.worker_stopped():
        few = _rounds(context, offered, FEW, "the worker stopped")
        many = _rounds(context, offered, MANY, "the worker stopped")
    writes.drained(home, within_s=_CAUGHT_UP_S)
    offered.site = asyncio.run(_players(home))  # tokens live for a quarter of an hour
    rates = _rounds(context, offered, FEW, "everything running")
    writes.drained(home, within_s=_CAUGHT_UP_S)
    held = _held(home)
    loads = f"load {min(offered.loads):.0f} to {max(offered.loads):.0f}"
    return [
        *_starts(embedded, docker),
        *_writing(few, f"worker stopped; {loads}", "writes"),
        *_writing(many, f"worker stopped, {MANY} connections; {loads}", f"writes, {MANY}"),
        *_writing(rates, f"relays and ingester beside it; {loads}", "writes, all running"),
        *(
            figure(f"memory, {count} backend(s)", "MB", [size], "PSS of the backend's containers")
            for count, size in sizes.items()
        ),
        figure("violations after all that", "", [held], "ccops data check --clickhouse", target=0),
    ]


def _starts(embedded: Start, docker: Start) -> list[Figure]:
    made = []
    for name, one in (("embedded", embedded), ("Docker", docker)):
        parts = sorted(one.memory.items(), key=lambda pair: -pair[1].pss)
        shown = ", ".join(f"{part} {size.pss:.0f}" for part, size in parts)
        rests = "empty data; the images are there" if name == "Docker" else "empty home"
        made += [
            figure(f"{name}: up to all healthy", "s", [one.seconds], f"{rests}, whole process"),
            figure(f"{name}: memory", "MB", [one.pss], f"PSS after a journey ({one.verdict}): {shown}"),
        ]
    return made


def _writing(found: dict[int, list[float]], rests_on: str, name: str) -> list[Figure]:
    two, four = ([b / a for a, b in zip(found[1], found[count], strict=True)] for count in COUNTS[1:])
    return [
        *(figure(f"{name}, {count} backend(s)", "/s", found[count], rests_on) for count in COUNTS),
        _ratio(f"{name}, 2 / 1", two, target=1.0),
        _ratio(f"{name}, 4 / 1", four),
    ]


def _ratio(name: str, pairs: list[float], target: float | None = None) -> Figure:
    """Return the median of `pairs`, with the interval that holds the true one in 95 of 100 benches.

    Below a target that lies within the interval nothing is decided.
    """
    said, doubt = "pairs of the same round", ""
    rank = bound_rank(len(pairs), share=0.5, confidence=0.975)
    if rank is not None:
        low, high = sorted(pairs)[len(pairs) - rank], sorted(pairs)[rank - 1]
        said = f"{said}; 95 of 100 times it lies in {low:.3f} to {high:.3f}"
        if target is not None and statistics.median(pairs) < target <= high:
            doubt = f"{target:g} lies in {low:.3f} to {high:.3f}"
    return figure(name, "x", pairs, said, target=target, at_least=True, doubt=doubt)


async def _players(home: OnDocker) -> writes.Site:
    people = await crowd(home.urls()[0], _PLAYERS)
    with psycopg.connect(home.url("CCOPS_DATABASE_URL")) as conn:
        conn.execute(f"{writes.RICH} WHERE id = ANY(%s)".encode(), (writes.GOLD, [one.id for one in people]))
    return writes.Site(0, 0, (), tuple(one.token for one in people))


@dataclass(slots=True)
class Offered:
    """Who buys where, and the machine's load meanwhile."""

    site: writes.Site
    places: Sequence[Place]
    loads: list[float] = field(default_factory=list)


def _rounds(context: Context, offered: Offered, clients: int, how: str) -> dict[int, list[float]]:
    """Return purchases a second over one, two and four of the backends, in turns of a few seconds.

    All four run all the time, so that what others do to the machine meanwhile falls on all turns alike.
    """
    found: dict[int, list[float]] = {count: [] for count in COUNTS}
    orders = itertools.cycle(itertools.permutations(COUNTS))  # what grows in a round falls on all alike
    for number, order in enumerate(itertools.islice(orders, context.runs * _TURNS), 1):
        for count in order:
            found[count].append(_writes(offered.site, offered.places[:count], clients))
        offered.loads.append(os.getloadavg()[0])
        shown = ", ".join(f"{count}: {rates[-1]:.0f} /s" for count, rates in found.items())
        context.say(f"replicas: round {number}, {clients} connections, {how}: {shown}")
    return found


def _writes(site: writes.Site, places: Sequence[Place], clients: int) -> float:
    """Return purchases a second; each connection stays with one of `places`."""
    shares = list(itertools.islice(itertools.cycle(places), clients))
    load = offer_over(shares, site.buys, seconds=SECONDS, warm_up_s=0.5)
    late = sum(load.unexpected(200).values())
    # Where others fill the machine a row is waited for longer than the backend allows: 409, nothing is done.
    if set(load.statuses) - {200, 409} or late > _LATE * len(load.latencies):
        writes.good(load, "buy")
    return (len(load.latencies) - late) / load.seconds


def _held(home: OnDocker) -> float:
    """Return 0 when every invariant holds. Raises BenchFailed with what the check says otherwise."""
    checked(home.ccops("data", "check", "--clickhouse", "--timeout", "120"), "ccops data check")
    return 0.0
