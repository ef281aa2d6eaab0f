"""The options of `ccops rules tune`: what they mean, and what --write may do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ccops.core.errors import Refused, UsageError
from ccops.core.profile import Profile
from ccops.profiles.check import order_issues
from ccops.rules.check import check_rendered
from ccops.rules.project import rule_set
from ccops.rules.tune.intervals import load_intervals
from ccops.rules.tune.model import Proposal
from ccops.rules.tune.propose import Wishes
from ccops.rules.tune.run import TuneCall
from ccops.rules.tune.write import Written, check_allowed, check_moves, write
from ccops.rules.values import BadValue, parse_duration

_MOST_DAYS = 366
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class TuneOptions:
    """The options of one call, as they were given."""

    rules: tuple[str, ...] = ()
    every: bool = False
    prom: str = ""
    since: str = "14d"
    step: str = "auto"
    pages: float | None = None
    keep: Path | None = None
    exclude: Path | None = None
    exclude_silences: bool = False
    guard: float = 1.2
    from_json: Path | None = None
    save: Path | None = None
    write: bool = False
    force: bool = False
    confirm: str = ""
    reason: str = ""


def call_of(options: TuneOptions) -> TuneCall:
    """Return what is to be tuned. Raises UsageError for options that can't be meant."""
    if bool(options.rules) == options.every:
        raise UsageError(
            "USAGE",
            "say which rules: --rule NAME or --all",
            evidence="both were given" if options.every else "neither was given",
            next_step="ccops rules tune --all",
        )
    return TuneCall(
        rules=options.rules,
        url=options.prom,
        since_s=_seconds("--since", options.since, _MOST_DAYS * 86_400),
        step=0 if options.step == "auto" else _seconds("--step", options.step, 3600),
        from_json=options.from_json,
        exclude_silences=options.exclude_silences,
        wishes=Wishes(
            options.pages,
            options.guard,
            load_intervals(options.keep) if options.keep else (),
            load_intervals(options.exclude) if options.exclude else (),
        ),
    )


def _seconds(option: str, text: str, most: int) -> int:
    try:
        found = parse_duration(text)
    except BadValue as error:
        raise UsageError("USAGE", f"{option}: {error}", next_step=f"{option} {_example(option)}") from None
    if not 1 <= found <= most or found != found.to_integral_value():
        raise UsageError(
            "USAGE",
            f"{option} {text} is out of range",
            evidence=f"from 1s to {most // 86_400 or most / 3600:g}{'d' if most >= 86_400 else 'h'}",
            next_step=f"{option} {_example(option)}",
        )
    return int(found)


def _example(option: str) -> str:
    return "14d" if option == "--since" else "30s"


def written_of(
    profile: Profile, proposals: Sequence[Proposal], options: TuneOptions, now: datetime
) -> Written | None:
    """Write what moves, when that was asked for and is allowed. Raises Refused with the file as it was."""
    moving = [one for one in proposals if one.moves]
    if not options.write or not moving:
        return None
    check_allowed(profile, moving, options.confirm, options.reason)
    check_moves(moving, force=options.force)
    before = frozenset(_errors(profile))
    return write(
        profile, moving, now, reason=options.reason, recheck=lambda changed: _recheck(before, changed)
    )


def _errors(profile: Profile) -> dict[tuple[str, str, int], str]:
    """Return what the rule checks object to, by code and place."""
    found = check_rendered(rule_set(profile).rendered).findings
    return {
        (one.code, one.file, one.line): f"{one.file}:{one.line}: {one.message}"
        for one in found
        if one.severity == "error"
    }


def _recheck(before: frozenset[tuple[str, str, int]], changed: Profile) -> None:
    """Refuse what the rule checks newly object to, and what would break the order from dev to prod."""
    if errors := [text for key, text in _errors(changed).items() if key not in before]:
        raise Refused(
            "TUNE_CHECK_FAILED",
            f"the rules would not pass their check: {len(errors)} finding(s)",
            evidence="\n".join(errors[:_SHOWN]),
            next_step=f"ccops rules check --env {changed.env}",
        )
    if broken := order_issues(changed.project, changed):
        raise Refused(
            "TUNE_BREAKS_ORDER",
            f"the new value would break the order of the environments {len(broken)} time(s)",
            evidence="\n".join(f"{one.where}: {one.message}" for one in broken),
            next_step="tune the other environment first, or mend `order` in thresholds.yml",
        )
