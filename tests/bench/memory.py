"""Memory of the stack after a journey: proportional set sizes, shared pages counted once."""

from __future__ import annotations

import time
from collections import defaultdict

import psutil

from tests.bench.figures import Figure, figure
from tests.bench.journey import walk
from tests.bench.machine import Memory, memory_of, other_stacks
from tests.bench.plan import Context
from tests.bench.stack import Home

GAP_S = 1.0
TARGET_MB = 650


def by_service(home: Home) -> dict[str, Memory]:
    """Return the memory per service: everything that descends from the supervisor, and the supervisor."""
    state = home.state()
    names = {service.pid: name for name, service in state.services.items() if service.pid}
    found: dict[str, Memory] = defaultdict(Memory)
    found["supervisor"] = memory_of(state.pid)
    for child in psutil.Process(state.pid).children():
        name = names.get(child.pid, "other")
        for process in (child, *_descendants(child)):
            found[name] += memory_of(process.pid)
    return dict(found)


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def bench(context: Context) -> list[Figure]:
    """Walk one journey, then add up the memory of all processes of the stack."""
    home = context.stack.get()
    before = sum(one.pss for one in by_service(home).values())
    run = walk(home)
    samples = []
    for _ in range(context.runs):
        time.sleep(GAP_S)
        samples.append(by_service(home))
    totals = [sum(one.pss for one in sample.values()) for sample in samples]
    whole = [sum(one.whole for one in sample.values()) for sample in samples]
    parts = sorted(samples[-1].items(), key=lambda item: -item[1].pss)
    shown = ", ".join(f"{name} {size.pss:.0f}" for name, size in parts)
    doubt = "" if run.code == 0 else f"the journey was not green ({run.verdict})"
    others = other_stacks(home.state().pid)
    if others and max(whole) > TARGET_MB:
        doubt = f"{others} other stack(s) share files with this one: too low"
    return [
        figure(
            "PSS of the stack", "MB", totals, f"samples 1 s apart: {shown}", target=TARGET_MB, doubt=doubt
        ),
        figure("at most", "MB", whole, "files counted whole in every process: holds whoever else maps them"),
        figure("PSS before the journey", "MB", [before], "one sample of the fresh stack"),
    ]
