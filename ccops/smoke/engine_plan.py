"""When an effect may be decided, and which observations belong to it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from enum import StrEnum

from ccops.smoke.expressions import render
from ccops.smoke.model import CountRule, Effect
from ccops.smoke.probes.base import brief

# Acts that carry no traceparent; a Python act gets the trace and is trusted to send it.
_OURS = ("ws", "sleep", "set", "sql", "redis", "kafka", "clickhouse", "prom", "alerts")
_UNTRACED = frozenset({*_OURS, "restart", "stop", "start", "produce", "rules"})
_LATE = frozenset({"kafka", "clickhouse", "prom"})
_TIED = re.compile(r":trace\b|\{trace:|trace_id|event_id")


class Timing(StrEnum):
    """How long the next step waits for an effect."""

    NOT = "not"  # decided while later steps run
    REACHED = "reached"  # until its count is there; the settle overlaps with later steps
    DONE = "done"  # to the end: a later step could change its answer, or needs its capture


def traced(kind: str) -> bool:
    """Say whether what an act of `kind` causes carries the trace of its step."""
    return kind not in _UNTRACED


def trace_id(run_id: str, step: str, iteration: str) -> str:
    """Return the 32 hex digits of one execution of a step; the run id keeps replays apart."""
    return hashlib.sha256(f"{run_id}/{step}/{iteration}".encode()).hexdigest()[:32]


def timing(effect: Effect, system: str, *, traced: bool, watch: bool) -> Timing:
    """Return when the step after `effect` may begin.

    Only an effect that is tied to its own trace can be decided later: everything else may be changed by
    the next step, so it is decided before. Counters only grow, so `prom` may be late as well.
    """
    if effect.capture:
        return Timing.DONE
    if not (system == "prom" or tied(effect, traced=traced, watch=watch)):
        return Timing.DONE if effect.settle_s or effect.rule is CountRule.NEVER else Timing.REACHED
    if system in _LATE or effect.rule is CountRule.NEVER:
        return Timing.NOT
    return Timing.REACHED


def tied(effect: Effect, *, traced: bool, watch: bool) -> bool:
    """Say whether only the step's own trace can answer `effect`."""
    if watch and effect.by is None:
        return traced
    return bool(_TIED.search(brief([dict(effect.source), effect.by], 100_000)))


def correlation(
    effect: Effect, scope: Mapping[str, object], trace: str, *, traced: bool, watch: bool
) -> Mapping[str, object] | None:
    """Return the fields an observation must have; None = all since the act began.

    Rows and keys are narrowed by their own query; frames and records by the trace of the step.
    """
    if effect.by is None:
        return {"trace_id": trace} if watch and traced else None
    if isinstance(effect.by, Mapping):
        by = render(dict(effect.by), scope)
        return by if isinstance(by, Mapping) else None
    return None
