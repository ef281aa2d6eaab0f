"""Tune one rule or all of them: from the rule set and a server (or a file) to proposals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from ccops.clients.alertmanager import open_alertmanager
from ccops.core.errors import UsageError
from ccops.core.profile import Profile
from ccops.rules.flat import FlatRule, flatten
from ccops.rules.places import alertmanager_of, prometheus_of
from ccops.rules.project import RuleSet, rule_set, templates_of
from ccops.rules.server import loaded_groups, open_server
from ccops.rules.tune.fetch import fetch, load_history
from ccops.rules.tune.model import History, Interval, Proposal, Verdict, Window
from ccops.rules.tune.propose import Wishes, propose
from ccops.rules.tune.silences import silence_history
from ccops.rules.tune.target import NotTunable, Target, target_of

SHORTEST_STEP_S = 15
# What Prometheus does when neither a group nor its configuration says otherwise.
_SERVER_DEFAULT_S = 60


@dataclass(frozen=True, slots=True)
class TuneCall:
    """What is to be tuned, from where, over how long. No `rules`: all; `step` 0: the group's interval."""

    rules: tuple[str, ...] = ()
    url: str = ""
    since_s: int = 14 * 86_400
    step: int = 0
    from_json: Path | None = None
    exclude_silences: bool = False
    wishes: Wishes = field(default_factory=Wishes)


@dataclass(frozen=True, slots=True)
class Tuned:
    """The proposals, in the order of the rules, and the histories that they rest on."""

    proposals: tuple[Proposal, ...]
    histories: Mapping[str, History]
    rules: RuleSet


def tune(profile: Profile, call: TuneCall, now: datetime) -> Tuned:
    """Return what history says about the thresholds of `profile`.

    Raises UsageError for an unknown rule, Unreachable when the server does not answer.
    """
    rules = rule_set(profile)
    flat = flatten((file.name, file.text) for file in rules.rendered.files)
    wanted = _wanted(flat, call.rules)
    judged = [_judged(rule, rules, profile) for rule in wanted]
    targets = [one for one in judged if isinstance(one, Target)]
    wishes = _with_silences(profile, call) if targets else call.wishes
    asked = list(_histories(profile, call, targets, now))
    waiting = iter(asked)
    proposals = tuple(
        _proposal(one, *next(waiting), wishes) if isinstance(one, Target) else one for one in judged
    )
    by_name = {one.rule.name: history for one, (history, _) in zip(targets, asked, strict=True)}
    return Tuned(proposals, by_name, rules)


def _proposal(target: Target, history: History, interval_s: float, wishes: Wishes) -> Proposal:
    found = propose(history, target.knob, target.condition, wishes)
    step = history.window.step
    if not interval_s or interval_s == step:
        return found
    said = f"the rule is evaluated every {interval_s:g} s, and was replayed every {step} s"
    return replace(found, warnings=(*found.warnings, said))


def _wanted(flat: Sequence[FlatRule], names: Sequence[str]) -> list[FlatRule]:
    alerts = [rule for rule in flat if rule.alerting]
    if not names:
        return alerts
    if unknown := [name for name in names if name not in {rule.name for rule in alerts}]:
        import difflib

        known = sorted(rule.name for rule in alerts)
        near = [f"did you mean {one}?" for one in difflib.get_close_matches(unknown[0], known, n=1)]
        raise UsageError(
            "RULE_UNKNOWN",
            f"there is no alert {', '.join(unknown)}",
            evidence="\n".join(near) or f"known: {', '.join(known)}",
            next_step="ccops rules tune --all",
        )
    return [rule for rule in alerts if rule.name in names]


def _judged(rule: FlatRule, rules: RuleSet, profile: Profile) -> Target | Proposal:
    try:
        return target_of(rule, rules.resolved, templates_of(profile.project))
    except NotTunable as error:
        return Proposal(rule.name, profile.env, Verdict.NOT_TUNABLE, reason=str(error))


def _histories(
    profile: Profile, call: TuneCall, targets: Sequence[Target], now: datetime
) -> Iterator[tuple[History, float]]:
    """Yield the history of each target, and how often its rule is evaluated (0: not known)."""
    if call.from_json is not None:
        for one in targets:
            yield load_history(call.from_json, one.rule.name), 0.0
        return
    if not targets:
        return
    with open_server(prometheus_of(profile, call.url, "--prom"), timeout=10.0) as client:
        loaded = {group.name: group.interval_s for group in loaded_groups(client)}
        for one in targets:
            interval = one.rule.interval_s or loaded.get(one.rule.group, _SERVER_DEFAULT_S)
            step = call.step or max(SHORTEST_STEP_S, round(interval))
            yield fetch(client, one, window_of(now, call.since_s, step)), interval


def window_of(now: datetime, since_s: int, step: int) -> Window:
    """Return the window that ends at the last whole step before `now`."""
    end = int(now.timestamp()) // step * step
    return Window(end - since_s // step * step + step, end, step)


def _with_silences(profile: Profile, call: TuneCall) -> Wishes:
    if not call.exclude_silences:
        return call.wishes
    found: tuple[Interval, ...]
    with open_alertmanager(alertmanager_of(profile)) as client:
        found = silence_history(client)
    wishes = call.wishes
    return Wishes(
        wishes.budget, wishes.guard, wishes.incidents, (*wishes.excluded, *found), wishes.thresholds
    )
