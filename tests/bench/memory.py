"""Memory of the stack after a journey: proportional set sizes, shared pages counted once."""

from __future__ import annotations

import time
from collections import defaultdict

import psutil

from tests.bench.figures import Figure, figure
from tests.bench.journey import walk
from tests.bench.machine import other_stacks, pss_mb
from tests.bench.plan import Context
from tests.bench.stack import Home

GAP_S = 1.0


def by_service(home: Home) -> dict[str, float]:
    """Return MB per service: every process that descends from the supervisor, and the supervisor itself."""
    state = home.state()
    supervisor = psutil.Process(state.pid)
    names = {service.pid: name for name, service in state.services.items() if service.pid}
    found: dict[str, float] = defaultdict(float)
    found["supervisor"] = pss_mb(state.pid) or 0.0
    for child in supervisor.children():
        name = names.get(child.pid, "other")
        for process in (child, *_descendants(child)):
            found[name] += pss_mb(process.pid) or 0.0
    return dict(found)


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def bench(context: Context) -> list[Figure]:
    """Walk one journey, then add up the memory of all processes of the stack."""
    home = context.stack.get()
    before = sum(by_service(home).values())
    run = walk(home)
    samples = []
    for _ in range(context.runs):
        time.sleep(GAP_S)
        samples.append(by_service(home))
    totals = [sum(one.values()) for one in samples]
    parts = sorted(samples[-1].items(), key=lambda item: -item[1])
    shown = ", ".join(f"{name} {size:.0f}" for name, size in parts)
    others = other_stacks(home.state().pid)
    doubt = f"{others} other stack(s) share pages with this one: too low" if others else ""
    if run.code != 0:
        doubt = f"the journey was not green ({run.verdict})"
    return [
        figure("PSS of the stack", "MB", totals, f"samples 1 s apart: {shown}", target=650, doubt=doubt),
        figure("PSS before the journey", "MB", [before], "one sample"),
    ]
