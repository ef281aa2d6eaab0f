"""`python -m tests.bench [NAME..] [-o text|json] [--runs 5]`.

Targets are informational: a missed one still exits 0. A bench that could not measure makes the exit code 1.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence

from tests.bench import (
    alembic,
    backend,
    contract,
    frames,
    front,
    install,
    journey,
    kafka,
    memory,
    pipeline,
    realtime,
    replicas,
    republish,
    rules_check,
    rules_render,
    rules_tune,
    startup,
)
from tests.bench.figures import Figure, doubted
from tests.bench.machine import BenchFailed, BenchSkipped, description, python_pass_s
from tests.bench.plan import Bench, Context
from tests.bench.render import Result, as_json, text
from tests.bench.stack import Shared

# The order matters: a start is timed before another stack runs, memory before other benches have filled it,
# and the one that kills the broker is the last on the shared stack.
BENCHES = (
    Bench("help", startup.help_),
    Bench("up", startup.up),
    Bench("status", startup.status),
    Bench("memory", memory.bench),
    Bench("journey", journey.bench),
    Bench("front", front.bench),
    Bench("frame", frames.bench),
    Bench("republish", republish.bench),
    Bench("backend", backend.bench, by_default=False),
    Bench("realtime", realtime.bench, by_default=False),
    Bench("pipeline", pipeline.bench, by_default=False),
    Bench("contract", contract.bench, by_default=False),
    Bench("install", install.bench, by_default=False),
    Bench("rules", rules_check.bench, by_default=False),
    Bench("render", rules_render.bench, by_default=False),
    Bench("tune", rules_tune.bench, by_default=False),
    Bench("kafka", kafka.bench, by_default=False),
    Bench("alembic", alembic.bench, by_default=False),
    Bench("replicas", replicas.bench, by_default=False),
)


def measure(bench: Bench, context: Context) -> Result:
    """Run one bench. What it can't do is part of the result: the others still run."""
    pass_ms, before = 1000 * python_pass_s(), os.getloadavg()[0]
    figures: tuple[Figure, ...] = ()
    problem = skipped = ""
    try:
        figures = tuple(bench.run(context))
    except BenchSkipped as reason:
        skipped = str(reason)
    except Exception as error:  # noqa: BLE001 - the reason is shown and counts in the exit code
        problem = str(error) if isinstance(error, BenchFailed) else repr(error)
    load, cores = (before, os.getloadavg()[0]), os.cpu_count() or 1
    figures = tuple(doubted(one, max(load), cores) for one in figures)
    return Result(bench.name, pass_ms, load, figures, problem, skipped)


def chosen(names: Sequence[str]) -> list[Bench]:
    """Return the benches of `names`, or those that run unasked."""
    if not names:
        return [bench for bench in BENCHES if bench.by_default]
    return [bench for bench in BENCHES if bench.name in names]


def main(argv: Sequence[str] | None = None) -> int:
    """Run what was asked for, print it, stop every stack."""
    known = [bench.name for bench in BENCHES]
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(known)}")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args(argv)
    if unknown := [name for name in options.names if name not in known]:
        parser.error(f"unknown bench {', '.join(unknown)}; known: {', '.join(known)}")
    if options.runs < 1:
        parser.error("--runs must be 1 or more")
    # A stack must not outlive us when we are told to stop.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    shared = Shared()
    context = Context(options.runs, shared, lambda line: print(f"  .. {line}", file=sys.stderr, flush=True))
    results = []
    try:
        for bench in chosen(options.names):
            results.append(measure(bench, context))
            if options.output == "text":
                print(text(results[-1]), flush=True)
    except KeyboardInterrupt:
        return 130
    finally:
        shared.close()
        if options.output == "json":
            print(as_json(results, description(), options.runs), end="")
    return 1 if any(one.problem for one in results) else 0


if __name__ == "__main__":
    sys.exit(main())
