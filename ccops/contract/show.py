"""A comparison for people at a terminal: lines with the name of a style, worst first."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ccops.contract.model import DiffResult, Finding, Level

WORD = {Level.ERR: "ERR", Level.WARN: "WARN", Level.INFO: "INFO"}
_STYLE = {Level.ERR: "bold red", Level.WARN: "yellow", Level.INFO: "dim"}
_SHOWN_INFO = 20
_SHOWN_CONSUMERS = 5
_WIDEST = 160

Line = tuple[str, str]  # text, style


def ordered(findings: tuple[Finding, ...]) -> list[Finding]:
    """Return findings as a reader wants them: open before approved, worst first, then by operation."""
    return sorted(
        findings, key=lambda one: (one.approval is not None, -one.level, one.operation, one.path, one.code)
    )


def loud(result: DiffResult) -> list[Finding]:
    """Return what somebody has to act on: not the proved-safe changes, unless they fail the run."""
    return [
        one for one in ordered(result.findings) if one.level is not Level.INFO or one.level >= result.fail_on
    ]


def compact(value: object, limit: int = _WIDEST) -> str:
    """Return `value` as JSON on one line, cut after `limit` characters."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def sentence(one: Finding) -> str:
    """Return operation and message, the first only once."""
    return one.message if one.message.startswith(one.operation) else f"{one.operation}  {one.message}"


def outcome(result: DiffResult) -> str:
    """Return the one line that says how it went."""
    if result.nothing_compared:
        return "FAIL nothing was compared: the two documents share no operation"
    counts = [
        f"{result.count(level)} {word}"
        for level, word in ((Level.ERR, "breaking"), (Level.WARN, "undecided"), (Level.INFO, "safe"))
    ]
    approved = sum(one.approval is not None for one in result.findings)
    if approved:
        counts.append(f"{approved} approved")
    looked = f"{result.compared.operations} operations, {result.compared.schemas} schemas compared"
    slow = f" · {result.timeouts} ran out of time" if result.timeouts else ""
    same = " · identical" if result.identical else ""
    verdict = "OK" if result.exit_code == 0 else "FAIL"
    return f"{verdict} {', '.join(counts)} · {looked}{slow}{same}"


def lines(result: DiffResult, command: str) -> Iterator[Line]:
    """Yield everything a person should see. `command` approves what it is given: `ccops openapi approve`."""
    shown = loud(result)
    quiet = ordered(result.findings) if result.fail_on > Level.INFO else []
    quiet = [one for one in quiet if one.level is Level.INFO]
    for one in shown:
        yield from _finding(one, command)
    for one in quiet[:_SHOWN_INFO]:
        yield f"INFO  {sentence(one)}  [{one.code}]", "dim"
    if len(quiet) > _SHOWN_INFO:
        yield f"INFO  and {len(quiet) - _SHOWN_INFO} more: -o json has them", "dim"
    for stale in result.stale:
        yield f"stale approval {stale.approval.fingerprint} ({stale.approval.owner}): {stale.why}", "yellow"
    for note in result.notes:
        yield f"note: {note}", "dim"
    yield outcome(result), "bold green" if result.exit_code == 0 else "bold red"


def places(one: Finding) -> list[tuple[str, str]]:
    """Return "file:line" of everybody who is hit, each once, with what they use there."""
    found: dict[str, list[str]] = {}
    for use in one.consumers:
        paths = found.setdefault(f"{use.file}:{use.line}", [])
        if use.path and use.path not in paths:
            paths.append(use.path)
    return [(place, ", ".join(paths)) for place, paths in found.items()]


def evidence(one: Finding) -> Iterator[str]:
    """Yield the lines below a finding that make one believe it."""
    if one.witness is not None:
        yield f"witness  {compact(one.witness.value)}    {one.witness.note}".rstrip()
        if one.witness.wire:
            yield f"as sent  {one.witness.wire}"
    if one.reason and (one.witness is None or one.reason != one.witness.note):
        yield f"why      {one.reason}"
    if one.also:
        more = f" and {len(one.also) - 3} more" if len(one.also) > 3 else ""
        yield f"also     {', '.join(one.also[:3])}{more}"
    hit = places(one)
    for place, paths in hit[:_SHOWN_CONSUMERS]:
        yield f"used by  {place}  {paths}".rstrip()
    if len(hit) > _SHOWN_CONSUMERS:
        yield f"used by  {len(hit) - _SHOWN_CONSUMERS} more places"


def approval_line(one: Finding, command: str) -> str:
    """Return the command to copy: with placeholders, since an approval without a person is none."""
    return (
        f'{command} {one.fingerprint} --owner NAME --reason "why this may break" --expires YYYY-MM-DD --apply'
    )


def _finding(one: Finding, command: str) -> Iterator[Line]:
    answered = f"  approved by {one.approval.owner} until {one.approval.expires}" if one.approval else ""
    style = "dim" if one.approval else _STYLE[one.level]
    yield f"{WORD[one.level]:<4}  {sentence(one)}  [{one.code}]{answered}", style
    for line in evidence(one):
        yield f"      {line}", ""
    if one.approval is None and one.level is Level.ERR:
        yield f"      approve  {approval_line(one, command)}", "dim"
