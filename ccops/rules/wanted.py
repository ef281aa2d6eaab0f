"""Rule files as the server should have them, and how that differs from what it has."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePath

from ccops.core.errors import UsageError
from ccops.rules.promql import parse as parse_promql
from ccops.rules.promql import pretty
from ccops.rules.promql_tree import PromqlError
from ccops.rules.server import LoadedGroup, LoadedRule
from ccops.rules.strictyaml import StrictYamlError, load_texts
from ccops.rules.values import BadValue, parse_duration


class Kind(StrEnum):
    """What happens to a rule or a group."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """One rule, or with an empty `rule` a whole group. `fields` holds (before, after) of what differs."""

    kind: Kind
    group: str
    rule: str = ""
    fields: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    rules: int = 0

    @property
    def name(self) -> str:
        """Return `group/rule`, or the group."""
        return f"{self.group}/{self.rule}" if self.rule else self.group


def wanted_groups(texts: Mapping[str, str]) -> tuple[LoadedGroup, ...]:
    """Return the groups of rule files (text by file name). Raises UsageError for what is no rule file."""
    return tuple(group for name, text in texts.items() for group in _groups(name, text))


def in_folder(
    groups: Iterable[LoadedGroup], folder: Path, foreign: Collection[str] = ()
) -> tuple[LoadedGroup, ...]:
    """Return those that the server loaded out of `folder`, but not out of the files `foreign` in it."""
    mine = folder.resolve()
    places = ((group, Path(group.file)) for group in groups)
    return tuple(
        group for group, path in places if path.parent.resolve() == mine and path.name not in foreign
    )


def changes(wanted: Sequence[LoadedGroup], loaded: Sequence[LoadedGroup]) -> tuple[Change, ...]:
    """Return what has to happen to `loaded` so that it is `wanted`; layout of PromQL is no difference."""
    have = {_key(group): group for group in loaded}
    want = {_key(group): group for group in wanted}
    found: list[Change] = []
    for key, group in want.items():
        if key in have:
            found += _within(group, have[key])
        else:
            found.append(Change(Kind.ADDED, group.name, rules=len(group.rules)))
    found += [
        Change(Kind.REMOVED, group.name, rules=len(group.rules))
        for key, group in have.items()
        if key not in want
    ]
    return tuple(found)


def _key(group: LoadedGroup) -> tuple[str, str]:
    return PurePath(group.file).name, group.name


def _within(want: LoadedGroup, have: LoadedGroup) -> Iterator[Change]:
    own: dict[str, tuple[str, str]] = {}
    if want.interval_s and want.interval_s != have.interval_s:
        own["interval"] = (f"{have.interval_s:g}s", f"{want.interval_s:g}s")
    if want.limit != have.limit:
        own["limit"] = (str(have.limit), str(want.limit))
    if own:
        yield Change(Kind.CHANGED, want.name, fields=own)
    pairs, added, removed = _paired(want.rules, have.rules)
    for new, old in pairs:
        if differs := _fields(old, new):
            yield Change(Kind.CHANGED, want.name, new.name, differs)
    for rule in added:
        yield Change(Kind.ADDED, want.name, rule.name)
    for rule in removed:
        yield Change(Kind.REMOVED, want.name, rule.name)
    if not added and not removed and [r.name for r in want.rules] != [r.name for r in have.rules]:
        yield Change(Kind.CHANGED, want.name, fields={"order": (_names(have), _names(want))})


def _paired(
    want: Sequence[LoadedRule], have: Sequence[LoadedRule]
) -> tuple[list[tuple[LoadedRule, LoadedRule]], list[LoadedRule], list[LoadedRule]]:
    """Pair rules of one name: first those with the same labels, then the others in their order."""
    left, pairs, rest = list(have), [], []
    for rule in want:
        twin = next((one for one in left if one.key == rule.key and one.alerting == rule.alerting), None)
        if twin is None:
            rest.append(rule)
        else:
            left.remove(twin)
            pairs.append((rule, twin))
    added = []
    for rule in rest:
        twin = next((one for one in left if (one.name, one.alerting) == (rule.name, rule.alerting)), None)
        if twin is None:
            added.append(rule)
        else:
            left.remove(twin)
            pairs.append((rule, twin))
    return pairs, added, left


def _fields(old: LoadedRule, new: LoadedRule) -> dict[str, tuple[str, str]]:
    shown = {
        "query": (_canonical(old.query), _canonical(new.query)),
        "for": (f"{old.duration_s:g}s", f"{new.duration_s:g}s"),
        "keep_firing_for": (f"{old.keep_firing_for_s:g}s", f"{new.keep_firing_for_s:g}s"),
    }
    for kind, before, after in (
        ("label", old.labels, new.labels),
        ("annotation", old.annotations, new.annotations),
    ):
        for name in sorted(before.keys() | after.keys()):
            shown[f"{kind} {name}"] = before.get(name, ""), after.get(name, "")
    return {name: pair for name, pair in shown.items() if pair[0] != pair[1]}


def _canonical(text: str) -> str:
    try:
        return pretty(parse_promql(text))
    except PromqlError:
        return " ".join(text.split())


def _names(group: LoadedGroup) -> str:
    return ", ".join(rule.name for rule in group.rules)


def _groups(name: str, text: str) -> Iterator[LoadedGroup]:
    try:
        plain = load_texts(text)
        listed = plain.get("groups") if isinstance(plain, dict) else None
        for group in _dicts(listed):
            yield LoadedGroup(
                str(group.get("name", "")),
                name,
                _seconds(group.get("interval")),
                tuple(_rule(rule) for rule in _dicts(group.get("rules"))),
                int(str(group.get("limit", 0))),
            )
    except (StrictYamlError, BadValue, ValueError) as error:
        raise UsageError(
            "RULES_BROKEN",
            f"{name} is no rule file",
            evidence=str(error),
            next_step="ccops rules check",
        ) from None


def _rule(plain: Mapping[str, object]) -> LoadedRule:
    alerting = "alert" in plain
    return LoadedRule(
        name=str(plain.get("alert" if alerting else "record", "")),
        alerting=alerting,
        query=str(plain.get("expr", "")),
        duration_s=_seconds(plain.get("for")),
        keep_firing_for_s=_seconds(plain.get("keep_firing_for")),
        labels=_texts(plain.get("labels")),
        annotations=_texts(plain.get("annotations")),
    )


def _seconds(text: object) -> float:
    return float(parse_duration(str(text))) if text else 0.0


def _dicts(value: object) -> list[dict[str, object]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _texts(value: object) -> dict[str, str]:
    """Return a mapping of texts; Prometheus drops a label with an empty value."""
    return {str(key): str(text) for key, text in value.items() if text} if isinstance(value, dict) else {}
