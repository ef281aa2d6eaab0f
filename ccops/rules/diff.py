"""Compare two rule sets, rule by rule and field by field. Layout of an expression is no difference."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from ccops.rules.flat import FlatRule
from ccops.rules.promql import parse, pretty
from ccops.rules.promql_tree import PromqlError
from ccops.rules.values import format_duration

MISSING = "(none)"


@dataclass(frozen=True, slots=True)
class Change:
    """One field that is another on the right."""

    field: str
    left: str
    right: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A rule or group that differs: `sign` is `+` (right only), `-` (left only) or `~` with its changes."""

    sign: str
    group: str
    name: str
    changes: tuple[Change, ...] = ()

    @property
    def where(self) -> str:
        """Return `group/name`, or the group alone."""
        return f"{self.group}/{self.name}" if self.name else self.group


def compare(left: Sequence[FlatRule], right: Sequence[FlatRule]) -> tuple[Difference, ...]:
    """Return what differs, by group and name.

    Rules belong together by group, name and labels; what is left over by group and name, then by name and
    labels, so that a changed label or a moved rule is a change and not a removal with an addition.
    """
    pairs, only_left, only_right = _paired(left, right)
    found = [_changed(one, other) for one, other in pairs]
    differing = [one for one in found if one is not None]
    differing += [Difference("-", one.group, one.name) for one in only_left]
    differing += [Difference("+", one.group, one.name) for one in only_right]
    differing += _groups(left, right)
    return tuple(sorted(differing, key=lambda one: (one.group, one.name, one.sign)))


def normal(expr: str) -> str:
    """Return one canonical form of PromQL; what can't be parsed keeps its words."""
    try:
        return pretty(parse(expr))
    except PromqlError:
        return " ".join(expr.split())


def _paired(
    left: Sequence[FlatRule], right: Sequence[FlatRule]
) -> tuple[list[tuple[FlatRule, FlatRule]], list[FlatRule], list[FlatRule]]:
    rest, others = list(left), list(right)
    pairs: list[tuple[FlatRule, FlatRule]] = []
    for key in (_by_labels, _by_name, _by_move):
        made = list(_matches(rest, others, key))
        pairs += made
        taken = {id(one) for pair in made for one in pair}
        rest = [one for one in rest if id(one) not in taken]
        others = [one for one in others if id(one) not in taken]
    return pairs, rest, others


def _by_labels(rule: FlatRule) -> Hashable:
    return rule.group, rule.alerting, rule.name, tuple(sorted(rule.labels.items()))


def _by_name(rule: FlatRule) -> Hashable:
    return rule.group, rule.alerting, rule.name


def _by_move(rule: FlatRule) -> Hashable:
    return rule.alerting, rule.name, tuple(sorted(rule.labels.items()))


def _matches(
    left: Iterable[FlatRule], right: Iterable[FlatRule], key: Callable[[FlatRule], Hashable]
) -> Iterator[tuple[FlatRule, FlatRule]]:
    """Yield pairs of equal keys, in order; equal expressions first where a key stands several times."""
    waiting: dict[Hashable, list[FlatRule]] = {}
    for one in right:
        waiting.setdefault(key(one), []).append(one)
    for one in left:
        same = waiting.get(key(one))
        if same:
            best = next((other for other in same if normal(other.expr) == normal(one.expr)), same[0])
            same.remove(best)
            yield one, best


def _changed(one: FlatRule, other: FlatRule) -> Difference | None:
    changes = [*_fields(one, other)]
    changes += _mapping("labels", one.labels, other.labels)
    changes += _mapping("annotations", one.annotations, other.annotations)
    return Difference("~", other.group, other.name, tuple(changes)) if changes else None


def _fields(one: FlatRule, other: FlatRule) -> Iterator[Change]:
    if one.group != other.group:
        yield Change("group", one.group, other.group)
    exprs = normal(one.expr), normal(other.expr)
    if exprs[0] != exprs[1]:
        yield Change("expr", *exprs)
    if one.for_s != other.for_s:
        yield Change("for", _time(one.for_s), _time(other.for_s))
    if one.keep_firing_for_s != other.keep_firing_for_s:
        yield Change("keep_firing_for", _time(one.keep_firing_for_s), _time(other.keep_firing_for_s))


def _mapping(name: str, left: object, right: object) -> Iterator[Change]:
    one, other = (dict(side) if isinstance(side, dict) else {} for side in (left, right))
    for key in sorted({*one, *other}):
        if one.get(key) != other.get(key):
            yield Change(f"{name}.{key}", one.get(key, MISSING), other.get(key, MISSING))


def _groups(left: Sequence[FlatRule], right: Sequence[FlatRule]) -> Iterator[Difference]:
    """Yield groups whose interval or limit differ. An interval that a side does not name is unknown there."""
    ours, theirs = ({rule.group: rule for rule in side} for side in (left, right))
    for name in sorted(set(ours) & set(theirs)):
        one, other = ours[name], theirs[name]
        changes = []
        if one.interval_s != other.interval_s and one.interval_s and other.interval_s:
            changes.append(Change("interval", _time(one.interval_s), _time(other.interval_s)))
        if one.limit != other.limit:
            changes.append(Change("limit", str(one.limit), str(other.limit)))
        if changes:
            yield Difference("~", name, "", tuple(changes))


def _time(seconds: float) -> str:
    return format_duration(Decimal(repr(seconds)))
