"""The one comment of a pull request: breaking changes first, proof folded, a line to copy for each approval.

A hidden marker on its first line is how the next run finds it again and writes it anew instead of adding one.
GitHub refuses a body of more than 65,536 characters; ours is held below that in bytes, which are never fewer.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ccops.contract.model import DiffResult, Finding, Level
from ccops.contract.show import approval_line, loud, outcome, places, sentence
from ccops.core.reports.markdown import code_span, escaped, fenced

MARKER = "<!-- ccops:contract -->"
MAX_BYTES = 65_000
_WITNESS_CHARS = 3_000
_SIGN = {Level.ERR: "❌", Level.WARN: "⚠️", Level.INFO: "✅"}
_TABLE = ("| | Change | Where | Used by |", "| --- | --- | --- | --- |")


@dataclass(frozen=True, slots=True)
class Section:
    """One comparison of the comment: its heading, its result, and the command that approves its breaks."""

    title: str
    result: DiffResult
    approve: str = "ccops openapi approve"


def body(sections: Sequence[Section]) -> str:
    """Return the comment, whose rows are all there before the first proof is, as far as the limit allows."""
    broken = sum(one.result.count(Level.ERR) for one in sections)
    failed = any(one.result.exit_code != 0 for one in sections)
    budget = _Budget(MAX_BYTES)
    budget.add(MARKER)
    budget.add(f"### {'❌' if failed else '✅'} Contract: {_headline(broken, failed=failed)}")
    _proofs([(section, _table(section, budget)) for section in sections], budget)
    for section in sections:
        for stale in section.result.stale:
            said = f"{code_span(stale.approval.fingerprint)} of {escaped(stale.approval.owner)}"
            budget.add(f"\nStale approval {said}: {escaped(stale.why)}")
    return budget.text()


def _headline(broken: int, *, failed: bool) -> str:
    if broken:
        return f"{broken} breaking change{'s' if broken > 1 else ''}"
    return "not compatible" if failed else "compatible"


class _Budget:
    """Takes pieces while they fit, and says how many did not."""

    def __init__(self, limit: int) -> None:
        self._left = limit - 200  # for the line that says what is missing
        self._pieces: list[str] = []
        self.missing = 0

    def add(self, piece: str) -> bool:
        size = len(piece.encode()) + 1
        if size > self._left:
            self.missing += 1
            return False
        self._left -= size
        self._pieces.append(piece)
        return True

    def text(self) -> str:
        if self.missing:
            cut = f"\n_{self.missing} more do not fit here; the whole list: `ccops openapi diff -o json`_"
            self._pieces.append(cut)
        return "\n".join(self._pieces) + "\n"


def _table(section: Section, budget: _Budget) -> list[Finding]:
    """Write the heading and the rows; return the findings that got one."""
    rows = loud(section.result)
    head = [f"\n#### {escaped(section.title)}\n", f"{escaped(outcome(section.result))}\n"]
    if rows:
        head += _TABLE
    if not budget.add("\n".join(head)):
        return []
    return [one for one in rows if budget.add(_row(one))]


def _row(one: Finding) -> str:
    sign = "☑️" if one.approval else _SIGN[one.level]
    hit = places(one)
    used = "<br>".join(code_span(place) for place, _ in hit[:3])
    more = f"<br>and {len(hit) - 3} more" if len(hit) > 3 else ""
    said = escaped(one.message[:400]) + (
        f" (approved by {escaped(one.approval.owner)} until {one.approval.expires})" if one.approval else ""
    )
    also = f" and {len(one.also)} more" if one.also else ""
    return f"| {sign} | {said} | {code_span(one.operation)}{also} | {used}{more} |"


def _proofs(kept: Sequence[tuple[Section, list[Finding]]], budget: _Budget) -> None:
    for section, findings in kept:
        for one in findings:
            if one.approval is None:
                budget.add("\n".join(_proof(one, section.approve)))


def _inside_html(one: Finding) -> str:
    """Return the title of a fold; inside an HTML line GitHub reads no markdown, so backslashes would show."""
    flat = " ".join(sentence(one)[:200].split())
    return html.escape(flat).replace("@", "@\u200b")


def _proof(one: Finding, command: str) -> Iterator[str]:
    yield f"\n<details><summary>{_inside_html(one)}</summary>\n"
    if one.witness is not None:
        text = json.dumps(one.witness.value, ensure_ascii=False, indent=2, default=str)
        shown = text if len(text) <= _WITNESS_CHARS else f"{text[:_WITNESS_CHARS]}\n… cut"
        yield f"{escaped(one.witness.note)}:\n"
        yield fenced(shown, "json")
        if one.witness.wire:
            yield fenced(one.witness.wire[:_WITNESS_CHARS])
    if one.reason and (one.witness is None or one.reason != one.witness.note):
        yield f"\n{escaped(one.reason[:600])}"
    for place, paths in places(one)[:10]:
        yield f"- {code_span(place)} uses {code_span(paths or one.operation)}"
    yield f"\nWhat it means: {code_span(f'ccops explain {one.code}')}. To accept it:\n"
    yield fenced(approval_line(one, command), "sh")
    yield "\n</details>"
