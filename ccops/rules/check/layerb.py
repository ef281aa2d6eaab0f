"""Layer B: what promtool says about the same texts, told at the same places."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ccops.rules.check.finding import Finding
from ccops.rules.check.source import Notes, Source
from ccops.rules.promtool import Promtool, check_rules

_PLACED = re.compile(r"^(?P<file>/.*?): (?P<line>\d+):\d+: (?P<said>.*)$", re.DOTALL)
_BLOCK = re.compile(r":\s*[|>][-+0-9]*\s*$")
_IN_BLOCK = re.compile(r"could not parse expression: (?P<line>\d+):")
_IN_TEXT = re.compile(r"\bline (?P<line>\d+)\b")


def promtool_findings(tool: Promtool, sources: Sequence[Source]) -> tuple[Finding, ...]:
    """Return one finding for each thing promtool refuses, or one for the run when it names no file."""
    with tempfile.TemporaryDirectory(prefix="ccops-rules-") as folder:
        placed: dict[str, Notes] = {}
        for number, source in enumerate(sources):
            path = Path(folder).resolve() / f"{number:04}.yml"
            path.write_bytes(source.text.encode("utf-8", "surrogatepass"))
            placed[str(path)] = Notes(source)
        verdict = check_rules(tool, [Path(name) for name in placed])
    if verdict.ok:
        return ()
    last: Notes | None = None
    lines = [line for line in verdict.lines if line != "FAILED:"]
    for line in lines:
        last = _note(line, placed, last)
    found = [one for notes in placed.values() for one in notes.found]
    if not found:  # its lint names no file
        notes = next(iter(placed.values()))
        said = lines[0] if lines else f"it ended with {verdict.code}"
        notes.add("PROMTOOL_REFUSED", f"promtool: {said[:200]}", 1, evidence=", ".join(lines[1:])[:300])
        found = notes.found
    return tuple(found)


def _note(line: str, placed: dict[str, Notes], last: Notes | None) -> Notes | None:
    """Note one line of promtool; a line without a file continues the one before."""
    match = _PLACED.match(line)
    name = match["file"] if match else line.partition(": ")[0]
    notes = placed.get(name)
    if notes is None:
        if last is not None and last.found:
            before = last.found[-1]
            evidence = "\n".join(one for one in (before.evidence, line) if one)
            last.found[-1] = replace(before, evidence=evidence[:600])
        return last
    said = match["said"] if match else line.partition(": ")[2]
    inside = _IN_TEXT.search(said)
    number = int(match["line"]) if match else int(inside["line"]) if inside else 1
    notes.add("PROMTOOL_REFUSED", f"promtool: {said[:200]}", _line(max(number, 1), said, notes.source))
    return notes


def _line(number: int, said: str, source: Source) -> int:
    """Return the line within a block of text, where promtool counts from the block's beginning."""
    inside, lines = _IN_BLOCK.search(said), source.lines()
    if inside and number <= len(lines) and _BLOCK.search(lines[number - 1]):
        return number + int(inside["line"])
    return number
