"""`ccops rules render` of the shipped set beside importing the libraries it stands on, in turns."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.bench.figures import Figure, figure
from tests.bench.machine import Timed, ccops, checked, clean_env, timed
from tests.bench.plan import Context

PAIRS_PER_RUN = 4
RATIO_TARGET = 1.6
_FLOOR = "import typer, jinja2, yaml"


def bench(context: Context) -> list[Figure]:
    """Time rendering with compiled templates kept, and the first time, when there are none."""
    floors: list[Timed] = []
    renders: list[Timed] = []
    first: list[Timed] = []
    with tempfile.TemporaryDirectory() as folder:
        home, out = Path(folder), Path(folder) / "out"
        call = ("rules", "render", "--env", "prod", "--out", str(out))
        checked(ccops(*call, home=home), "ccops rules render")  # fills the bytecode cache, as any first call
        for number in range(context.runs * PAIRS_PER_RUN):
            floors.append(timed([sys.executable, "-c", _FLOOR], clean_env()))
            renders.append(checked(ccops(*call, home=home), "ccops rules render"))
            if number < context.runs:
                first.append(checked(ccops(*call, home=home / str(number)), "ccops rules render"))
        files = len(list(out.glob("*.yml")))
    pairs = list(zip(renders, floors, strict=True))
    text = f"{len(pairs)} pairs in turns, whole processes, {files} files"
    return [
        figure(
            "rules render / its imports",
            "x",
            [one.seconds / other.seconds for one, other in pairs],
            f"{text}; wall, ratio of each pair; against python -c '{_FLOOR}'",
            target=RATIO_TARGET,
            key="rules_render_ratio",
        ),
        figure(
            "the same in CPU time",
            "x",
            [one.cpu_s / other.cpu_s for one, other in pairs],
            "the same pairs; a busy machine does not stretch it",
        ),
        figure("ccops rules render", "ms", [1000 * one.seconds for one in renders], text),
        figure(
            "rules render, first time",
            "ms",
            [1000 * one.seconds for one in first],
            "an empty CCOPS_HOME: every template is compiled",
        ),
        figure(_FLOOR, "ms", [1000 * one.seconds for one in floors], text),
    ]
