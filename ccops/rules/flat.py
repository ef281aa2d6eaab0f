"""Rules as plain records out of rendered files, for `diff` and `tune`. Durations are seconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ccops.core.errors import UsageError
from ccops.rules.strictyaml import StrictYamlError, load_texts
from ccops.rules.values import BadValue, parse_duration


@dataclass(frozen=True, slots=True)
class FlatRule:
    """One rule with the settings of its group. `interval_s` 0: what the server does by default."""

    file: str
    group: str
    alerting: bool
    name: str
    expr: str
    for_s: float
    keep_firing_for_s: float
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    interval_s: float = 0.0
    limit: int = 0

    @property
    def where(self) -> str:
        """Return group and name, for people."""
        return f"{self.group}/{self.name}"


def flatten(texts: Iterable[tuple[str, str]]) -> tuple[FlatRule, ...]:
    """Return the rules of files given as (name, text). Raises UsageError for what is no rule file."""
    found: list[FlatRule] = []
    for name, text in texts:
        try:
            found += _file(name, load_texts(text))
        except (StrictYamlError, BadValue, ValueError) as error:
            raise UsageError(
                "RULES_BROKEN",
                f"{name} can't be read as a rule file",
                evidence=str(error),
                next_step="ccops rules check",
            ) from None
    return tuple(found)


def _file(name: str, plain: object) -> Iterable[FlatRule]:
    groups = plain.get("groups") if isinstance(plain, dict) else None
    if not isinstance(groups, list):
        raise BadValue("it has no list of groups")
    for group in groups:
        rules = group.get("rules") if isinstance(group, dict) else None
        for rule in rules if isinstance(rules, list) else ():
            if not isinstance(rule, dict) or not ("alert" in rule or "record" in rule):
                raise BadValue(f"group {group.get('name')} has an entry that is no rule")
            yield _rule(name, group, rule)


def _rule(file: str, group: Mapping[str, object], rule: Mapping[str, object]) -> FlatRule:
    return FlatRule(
        file=file,
        group=str(group.get("name", "")),
        alerting="alert" in rule,
        name=str(rule.get("alert", rule.get("record"))),
        expr=str(rule.get("expr", "")).strip(),
        for_s=_seconds(rule.get("for")),
        keep_firing_for_s=_seconds(rule.get("keep_firing_for")),
        labels=_texts(rule.get("labels")),
        annotations=_texts(rule.get("annotations")),
        interval_s=_seconds(group.get("interval")),
        limit=int(str(group.get("limit") or 0)),
    )


def _seconds(value: object) -> float:
    return float(parse_duration(str(value))) if value is not None else 0.0


def _texts(value: object) -> dict[str, str]:
    return {str(key): str(text) for key, text in value.items()} if isinstance(value, Mapping) else {}
