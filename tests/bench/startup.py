"""Processes that a person waits for: `--help`, `up`, `status`."""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from tests.bench.figures import Figure, figure
from tests.bench.machine import Timed, ccops, checked, clean_env, timed, tree_cpu_s
from tests.bench.plan import Context
from tests.bench.stack import Home

PAIRS_PER_RUN = 4


def help_(context: Context) -> list[Figure]:
    """Time `ccops --help` against `python -c pass`, in turns, so that both meet the same noise."""
    helps: list[Timed] = []
    passes: list[Timed] = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        checked(ccops("--help", home=home), "ccops --help")  # fills the bytecode cache, as any first call
        for _ in range(context.runs * PAIRS_PER_RUN):
            passes.append(timed([sys.executable, "-c", "pass"], clean_env()))
            helps.append(checked(ccops("--help", home=home), "ccops --help"))
    pairs = list(zip(helps, passes, strict=True))
    walls = [one.seconds / other.seconds for one, other in pairs]
    work = [one.cpu_s / other.cpu_s for one, other in pairs]
    text = f"{len(pairs)} pairs in turns, whole processes"
    return [
        figure("help / python -c pass", "x", walls, f"{text}; wall, ratio of each pair", target=8),
        figure("the same in CPU time", "x", work, "the same pairs; a busy machine does not stretch it"),
        figure("ccops --help", "ms", [1000 * one.seconds for one in helps], text),
        figure("python -c pass", "ms", [1000 * one.seconds for one in passes], text),
    ]


def up(context: Context) -> list[Figure]:
    """Time `ccops up` in an empty home, then again in the same home after `down`."""
    cold, warm, first, work = [], [], [], []
    ready: dict[str, list[float]] = defaultdict(list)
    for number in range(context.runs):
        with Home() as home:
            done = home.up()
            cold.append(done.seconds)
            first.append(1000 * done.first_line_s)
            home.down()
            done = home.up()
            warm.append(done.seconds)
            first.append(1000 * done.first_line_s)
            work.append(done.cpu_s + tree_cpu_s(home.state().pid))
            for name, service in home.state().services.items():
                ready[name].append(service.ready_s)
        context.say(f"up {number + 1}: cold {cold[-1]:.1f} s, warm {warm[-1]:.1f} s")
    slow = sorted(((statistics.median(times), name) for name, times in ready.items()), reverse=True)[:4]
    parts = ", ".join(f"{name} {seconds:.1f} s" for seconds, name in slow)
    return [
        figure("up, cold", "s", cold, "whole process, empty CCOPS_HOME, files in the page cache", target=6),
        figure("up, warm", "s", warm, f"whole process, data kept by `down`; own start-up: {parts}", target=3),
        figure(
            "up, warm, CPU",
            "s",
            work,
            "user + system of `ccops up` and of every process it started, one core",
        ),
        figure("up, first line", "ms", first, "whole process, cold and warm together", target=100),
    ]


def status(context: Context) -> list[Figure]:
    """Time `ccops status` of a running stack; every service is asked."""
    home = context.stack.get()
    home.ccops("status")
    times = [1000 * checked(home.ccops("status"), "ccops status").seconds for _ in range(2 * context.runs)]
    return [figure("status", "ms", times, "whole process, all services up and asked", target=300)]
