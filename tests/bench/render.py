"""Show what was measured, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from tests.bench.figures import Figure

SCHEMA = "ccops.bench/v1"


@dataclass(frozen=True, slots=True)
class Result:
    """One bench: its figures, or why there are none; `pass_ms` and `load` say how busy the machine was."""

    bench: str
    pass_ms: float
    load: tuple[float, float]
    figures: Sequence[Figure] = field(default_factory=tuple)
    problem: str = ""
    skipped: str = ""


def text(result: Result) -> str:
    """Return one bench as lines."""
    before, after = result.load
    lines = [f"{result.bench}   (load {before:.1f} -> {after:.1f}, python -c pass {result.pass_ms:.0f} ms)"]
    if result.problem:
        lines.append(f"  NOT MEASURED: {result.problem}")
    if result.skipped:
        lines.append(f"  SKIPPED: {result.skipped}")
    for one in result.figures:
        spread = f"{_short(one.low)} .. {_short(one.high)}"
        sign = ">=" if one.at_least else "<="
        target = "" if one.target is None else f"target {sign} {_short(one.target)} {one.unit}: {one.verdict}"
        value = f"{_short(one.value)} {one.unit}"
        lines.append(f"  {one.name:<30}{value:>10}  ({spread}, n={one.n})  {target}".rstrip())
        lines.append(f"      {one.rests_on}")
        if one.doubt:
            lines.append(f"      in doubt: {one.doubt}")
    return "\n".join(lines) + "\n"


def as_json(results: Sequence[Result], machine: Mapping[str, object], runs: int) -> str:
    """Return all benches as one document."""
    plain = {
        "schema": SCHEMA,
        "machine": dict(machine),
        "runs": runs,
        "summary": _summary(results),
        "benches": [
            {
                "bench": one.bench,
                "python_pass_ms": round(one.pass_ms, 1),
                "load": list(one.load),
                "problem": one.problem,
                "skipped": one.skipped,
                "figures": [{**asdict(value), "met": value.met} for value in one.figures],
            }
            for one in results
        ],
    }
    return json.dumps(plain, indent=2, ensure_ascii=False) + "\n"


def _summary(results: Sequence[Result]) -> dict[str, object]:
    """Return the figures that programs look for; `a.b` is key b in the object a."""
    found: dict[str, object] = {}
    for one in (figure for result in results for figure in result.figures if figure.key):
        outer, _, inner = one.key.partition(".")
        if inner:
            group = found.setdefault(outer, {})
            assert isinstance(group, dict)
            group[inner] = round(one.value, 3)
        else:
            found[outer] = round(one.value, 3)
    return found


def _short(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
