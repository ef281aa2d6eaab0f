"""`ccops rules tune` besides the network: two weeks at 30 s, eleven candidates."""

from __future__ import annotations

import tempfile
import time
from decimal import Decimal
from pathlib import Path

from ccops.rules.tune.fetch import as_json
from ccops.rules.tune.model import Condition, History, Knob, Series
from ccops.rules.tune.propose import Wishes, propose
from ccops.rules.values import Kind
from tests.bench.figures import Figure, figure
from tests.bench.machine import BenchFailed, ccops, checked
from tests.bench.plan import Context
from tests.tune_kit import example

RULE = "PurchasePendingSpike"
ELEVEN = tuple(map(Decimal, (10, 12, 15, 18, 20, 25, 30, 40, 60, 100, 150)))
SERIES = 10


def bench(context: Context) -> list[Figure]:
    """Time a proposal in process for one and for ten series, and the whole command on a saved history."""
    one = example()
    many = History(
        one.window,
        tuple(Series({"flow": str(n)}, one.series[0].at, one.series[0].values) for n in range(SERIES)),
        one.present,
        one.resets,
        one.range_s,
    )
    single = [_proposal_s(one) for _ in range(context.runs)]
    ten = [_proposal_s(many) for _ in range(max(1, context.runs // 2))]
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "history.json"
        saved.write_text(as_json({RULE: one}), encoding="utf-8")
        call = ("rules", "tune", "--rule", RULE, "--env", "staging", "--from-json", str(saved))
        whole = [checked(ccops(*call, home=Path(folder)), "rules tune").seconds for _ in range(context.runs)]
    text = f"{len(one.present)} evaluations, 14 days at 30 s"
    return [
        figure(
            "tune, one series",
            "ms",
            [1000 * one for one in single],
            f"{text}; replay and proposal",
            target=2000,
        ),
        figure("tune, ten series", "ms", [1000 * one for one in ten], f"{text} each"),
        figure("ccops rules tune", "s", whole, "whole process, history from a file", target=2),
    ]


def _proposal_s(history: History) -> float:
    knob = Knob(RULE, "staging", "ALERT_X", Decimal(25), Kind.INT, Decimal(1), Decimal(1000))
    begun = time.perf_counter()
    found = propose(history, knob, Condition(">", 120), Wishes(thresholds=ELEVEN))
    took = time.perf_counter() - begun
    if found.plateau != (20, 40) or len(found.candidates) < len(ELEVEN):
        raise BenchFailed(f"the proposal is not the expected one: {found.verdict}, {found.plateau}")
    return took
