"""`ccops bench`: measure, and say what it rests on. The benches live in the source checkout (tests/bench)."""

from __future__ import annotations

import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ccops.cli.options import app as new_app
from ccops.core.errors import UsageError

app = new_app("Measure the stack and the command line on this machine.")


class Against(StrEnum):
    """What the backend may be held against."""

    PGBENCH = "pgbench"


class Format(StrEnum):
    """How the figures are printed."""

    TEXT = "text"
    JSON = "json"


@app.command()
def bench(
    names: Annotated[
        list[str] | None, typer.Argument(help="Benches to run: backend, realtime, pipeline, journey, up ...")
    ] = None,
    against: Annotated[
        Against | None, typer.Option(help="What `backend` is compared with, in the same run.")
    ] = None,
    runs: Annotated[int, typer.Option(min=1, max=50, help="Rounds; the median counts.")] = 5,
    output: Annotated[Format, typer.Option("-o", "--output", help="Format of the result.")] = Format.TEXT,
) -> None:
    """Measure on a stack of its own, started and stopped by the benches.

    ccops bench backend --against pgbench
    ccops bench backend --against pgbench -o json
    ccops bench journey frame

    Without a name the default set runs, about four minutes. JSON has a `summary` for programs:
    write_ratio, write_ratio_full, read_ratio, write_cpu_us, p95_ms.

    Exit codes: 0 measured (a missed target too), 1 not measured, 2 usage.
    """
    if against is not None and names != ["backend"]:
        raise UsageError(
            "AGAINST_BACKEND_ONLY",
            "--against goes with the bench `backend` alone",
            evidence=f"asked for: {' '.join(names or ['the default set'])}",
            next_step="ccops bench backend --against pgbench",
        )
    argv = [sys.executable, "-m", "tests.bench", *(names or []), "--runs", str(runs), "-o", output.value]
    # The benches are a program of their own: they start stacks and must end them, also after Ctrl-C.
    raise typer.Exit(subprocess.run(argv, cwd=_checkout(), check=False).returncode)


def _checkout() -> Path:
    root = Path(__file__).resolve().parents[2]
    if not (root / "tests" / "bench").is_dir():
        raise UsageError(
            "NO_CHECKOUT",
            "the benches are part of the source checkout, not of the installed package",
            evidence=f"no tests/bench in {root}",
            next_step="git clone the project and run ccops from its environment",
        )
    return root
