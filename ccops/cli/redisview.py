"""How a look at the keys of Redis is shown."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ccops.core.masking import Masker
from ccops.core.output import Issue, Report
from ccops.data.redis_check import Keyspace, Tally

if TYPE_CHECKING:
    from rich.console import Console

_SAID = {
    "KEY_UNKNOWN": "no pattern of the contract has these keys",
    "KEY_TYPE": "keys of another type than declared",
    "KEY_WITHOUT_TTL": "keys that will never expire",
    "KEY_TTL_TOO_LONG": "keys that live longer than declared",
}


def redis_report(env: str, look: Callable[[], Keyspace]) -> Report:
    """Run `look` and return its report."""
    begun, started = time.monotonic(), datetime.now(UTC)
    found = look()
    return Report(
        "ccops.redis.check/v1",
        {"keys": found.keys, "complete": found.complete, "patterns": [_row(one) for one in found.tallies]},
        found.exit_code,
        env=env,
        issues=tuple(_issues(found)),
        started_at=started,
        duration_ms=round((time.monotonic() - begun) * 1000),
        text=lambda console: _print(console, found),
        masker=Masker(found.secrets),
    )


def _row(tally: Tally) -> dict[str, object]:
    family = tally.family
    return {
        "pattern": tally.pattern,
        "keys": tally.keys,
        "type": family.kind if family else None,
        "ttl_s": family.ttl_s if family else None,
        "owner": family.owner if family else None,
        "longest_s": round(tally.longest_s, 3),
        "offences": dict(tally.offences),
        "samples": {code: list(keys) for code, keys in tally.samples.items()},
    }


def _issues(found: Keyspace) -> list[Issue]:
    issues = [
        Issue(code, f"{count} {_SAID[code]}: {tally.pattern}", evidence="\n".join(tally.samples[code]))
        for tally in found.tallies
        for code, count in tally.offences.items()
    ]
    if found.keys == 0:
        said = "there is no key at all"
        issues.append(Issue("NOTHING_CHECKED", said, next_step="ccops smoke journey, then look again"))
    if not found.complete:
        said = f"there are more than the {found.keys} keys looked at"
        issues.append(Issue("NOT_ALL_CHECKED", said, next_step="a higher --limit"))
    return issues


def _print(console: Console, found: Keyspace) -> None:
    width = max((len(one.pattern) for one in found.tallies), default=0)
    for one in found.tallies:
        family = one.family
        declared = f"{family.kind}, {family.ttl_s} s" if family else ""
        bad = sum(one.offences.values())
        word, said = ("FAIL", f"{bad} offender(s)") if bad else ("ok", "")
        line = f"  {word:<4} {one.pattern:<{width}} {one.keys:>8}  {declared:<18} {said}"
        console.print(line.rstrip(), markup=False)
    console.print(f"{found.keys} keys in {len(found.tallies)} patterns", markup=False)
