"""The README's picture: drawn from a real run, and held to one by the tests, so it can't lie.

`python -m tests.picture` walks the journey on the running stack and rewrites docs/journey.{txt,svg}.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

DOCS = Path(__file__).resolve().parent.parent / "docs"
COMMAND = "ccops smoke journey"
_KEPT = re.compile(r"^(journey: |  http |[✓✗] +\d|     ccops smoke trace|OK |NOT OK |FAIL)")


def kept(output: str) -> str:
    """Return the lines of a run that the picture shows: targets, parts, traces, verdict."""
    return "\n".join(line.rstrip() for line in output.splitlines() if _KEPT.match(line)) + "\n"


def shape(text: str) -> str:
    """Return `text` without what differs from run to run: ids, times, counts, the widths they cause."""
    text = re.sub(r"\b[0-9a-f]{8,32}\b", "ID", text)
    return re.sub(r" +", " ", re.sub(r"\d+(\.\d+)?", "N", text))


def draw(text: str) -> str:
    """Return the SVG of a terminal that shows `text`."""
    width = max(len(line) for line in text.splitlines()) + 2
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True)
    console.print(Text.assemble(("$ ", "bold green"), (COMMAND, "bold")))
    for line in text.splitlines():
        styled = Text(line)
        styled.highlight_regex(r"^✓ |^OK ", "bold green")
        styled.highlight_regex(r"^✗ |^NOT OK |^FAIL ", "bold red")
        styled.highlight_regex(r"ccops smoke trace \S+", "dim")
        console.print(styled, soft_wrap=True)
    return console.export_svg(title="ccops", unique_id="ccops-journey")


def main() -> int:
    """Rewrite the picture from a fresh run; exit with the run's code."""
    done = subprocess.run(
        [sys.executable, "-m", "ccops", "smoke", "journey"], capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        text = kept(done.stdout)
        (DOCS / "journey.txt").write_text(text, encoding="utf-8")
        (DOCS / "journey.svg").write_text(draw(text), encoding="utf-8")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
