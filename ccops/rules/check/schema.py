"""The shape of a rule file: fields, kinds of values, times, names. Stricter than Prometheus."""

from __future__ import annotations

import re
from functools import lru_cache

from ccops.core.yamltree import Flaw, Mapping, Node, Scalar, Sequence
from ccops.rules.check.model import Group, Rule
from ccops.rules.check.source import Notes
from ccops.rules.check.targets import GROUP_FIELDS, RULE_FIELDS, Target
from ccops.rules.values import BadValue, parse_duration

_FLAWS = {"key_twice": "RULE_DUPLICATE_KEY", "second_document": "RULE_SECOND_DOCUMENT"}
_RECORD = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LONGEST_INTERVAL_S = 300.0
_LIMIT = re.compile(r"0|[1-9][0-9]{0,8}")


def flawed(notes: Notes, flaws: tuple[Flaw, ...]) -> None:
    """Note what the YAML reader found."""
    for flaw in flaws:
        notes.add(_FLAWS.get(flaw.kind, "RULE_YAML"), flaw.message, flaw.line)


def read_groups(root: Node | None, notes: Notes, target: Target) -> list[Group]:
    """Return the groups of a file, and note everything that is wrong with their shape."""
    if root is None or (isinstance(root, Scalar) and root.null):
        notes.add("RULE_EMPTY", "the file is empty: Prometheus loads it without a word", 1)
        return []
    if not isinstance(root, Mapping):
        notes.add("RULE_FIELD_TYPE", "a rule file is a mapping with `groups`", root)
        return []
    for name, key in root.keys.items():
        if name != "groups":
            notes.add("RULE_FIELD_UNKNOWN", f"{name:.80} is no field of a rule file", key)
    listed = root.values.get("groups")
    if listed is None or (isinstance(listed, Scalar) and listed.null):
        notes.add("RULE_EMPTY", "the file holds no groups: Prometheus loads it without a word", root)
        return []
    if not isinstance(listed, Sequence):
        notes.add("RULE_FIELD_TYPE", "groups is a list", listed)
        return []
    if not listed.items:
        notes.add("RULE_EMPTY", "the list of groups is empty", listed)
    groups = [group for node in listed.items if (group := _group(node, notes, target)) is not None]
    _unique_groups(groups, notes)
    return groups


def _unique_groups(groups: list[Group], notes: Notes) -> None:
    seen: dict[str, int] = {}
    for group in groups:
        name = group.name.text
        if name in seen:
            first = f"first on line {seen[name]} of the file"
            notes.add(
                "RULE_DUPLICATE_GROUP", f"the group {name:.80} is there twice", group.name, evidence=first
            )
        seen.setdefault(name, group.name.line)


def _group(node: Node, notes: Notes, target: Target) -> Group | None:
    if not isinstance(node, Mapping):
        notes.add("RULE_FIELD_TYPE", "a group is a mapping with name and rules", node)
        return None
    values, allowed = node.values, GROUP_FIELDS[target]
    for field, key in node.keys.items():
        if field in allowed:
            continue
        if field in GROUP_FIELDS[Target.V3]:
            since = next(one for one in Target if field in GROUP_FIELDS[one])
            notes.add("RULE_TARGET", f"the group field {field} needs Prometheus {since}", key)
        else:
            notes.add("RULE_FIELD_UNKNOWN", f"{field:.80} is no field of a group", key)
    name = _text(node, "name", notes)
    if name is None:
        return None
    if not name.text.strip():
        notes.add("RULE_FIELD_MISSING", "the group has an empty name", name)
    group = Group(name)
    if "interval" in values:
        _interval(group, values["interval"], notes)
    if "query_offset" in values:
        _time(values["query_offset"], "query_offset", notes)
    if "limit" in values:
        limit = values["limit"]
        if not isinstance(limit, Scalar) or not limit.plain or _LIMIT.fullmatch(limit.text) is None:
            notes.add("RULE_FIELD_TYPE", "limit is a whole number", limit)
    if "labels" in values:
        _texts(values["labels"], "labels", notes)
    group.rules = _rules(node, name.text, notes)
    return group


def _rules(node: Mapping, group: str, notes: Notes) -> list[Rule]:
    listed = node.values.get("rules")
    if listed is None or (isinstance(listed, Scalar) and listed.null):
        notes.add("RULE_EMPTY", f"the group {group:.80} has no rules", listed or node)
        return []
    if not isinstance(listed, Sequence):
        notes.add("RULE_FIELD_TYPE", "rules is a list", listed)
        return []
    if not listed.items:
        notes.add("RULE_EMPTY", f"the group {group:.80} has no rules", listed)
    return [rule for one in listed.items if (rule := _rule(one, notes)) is not None]


def _rule(node: Node, notes: Notes) -> Rule | None:
    if not isinstance(node, Mapping):
        notes.add("RULE_FIELD_TYPE", "a rule is a mapping with alert or record, and expr", node)
        return None
    values = node.values
    for field, key in node.keys.items():
        if field not in RULE_FIELDS:
            notes.add("RULE_FIELD_UNKNOWN", f"{field:.80} is no field of a rule", key)
    if ("alert" in values) is ("record" in values):
        which = "both alert and record" if "alert" in values else "neither alert nor record"
        notes.add("RULE_FIELD_TYPE", f"the rule has {which}", node)
        return None
    alert = "alert" in values
    name = _text(node, "alert" if alert else "record", notes)
    if name is None:
        return None
    rule = Rule(node, alert, name)
    rule.text = _expr(node, rule, notes)
    if "labels" in values:
        rule.labels = _texts(values["labels"], "labels", notes)
    if "annotations" in values:
        rule.annotations = _texts(values["annotations"], "annotations", notes)
    if alert:
        _times(rule, values, notes)
    else:
        for field in ("for", "keep_firing_for", "annotations"):
            if field in values:
                notes.add("RULE_FIELD_TYPE", f"a recording has no {field}", node.keys[field], rule=name.text)
    _name(rule, notes)
    return rule


def _name(rule: Rule, notes: Notes) -> None:
    name = rule.name.text
    if not name.strip():
        notes.add("RULE_FIELD_MISSING", "the rule has an empty name", rule.name)
    elif not rule.alert and _RECORD.fullmatch(name) is None:
        notes.add("RULE_NAME", f"{name:.80} can't be a metric name", rule.name, rule=name)
    elif rule.alert and "{{" in name:
        notes.add("RULE_NAME", "templates are not expanded in the name of an alert", rule.name, rule=name)


def _expr(node: Mapping, rule: Rule, notes: Notes) -> Scalar | None:
    found = node.values.get("expr")
    name = rule.name.text
    if found is None or (isinstance(found, Scalar) and (found.null or not found.text.strip())):
        notes.add("RULE_FIELD_MISSING", "the rule has no expr", found or node, rule=name)
        return None
    if not isinstance(found, Scalar):
        notes.add("RULE_EXPR_TYPE", "expr is no text", found, rule=name)
        return None
    if found.typed:
        notes.add(
            "RULE_EXPR_TYPE", f"YAML reads the expr {found.text:.40} as a number or boolean", found, rule=name
        )
        return None
    return found


def _text(node: Mapping, field: str, notes: Notes) -> Scalar | None:
    found = node.values.get(field)
    if found is None or (isinstance(found, Scalar) and found.null):
        notes.add("RULE_FIELD_MISSING", f"{field} is missing or empty", found or node)
        return None
    if not isinstance(found, Scalar):
        notes.add("RULE_FIELD_TYPE", f"{field} is a text", found)
        return None
    return found


def _texts(node: Node, field: str, notes: Notes) -> dict[str, Scalar]:
    if not isinstance(node, Mapping):
        notes.add("RULE_FIELD_TYPE", f"{field} is a mapping of names to texts", node)
        return {}
    found: dict[str, Scalar] = {}
    for name, value in node.values.items():
        if isinstance(value, Scalar):
            found[name] = value
        else:
            notes.add("RULE_FIELD_TYPE", f"{name:.80} in {field} is a text", value)
    return found


def _times(rule: Rule, values: dict[str, Node], notes: Notes) -> None:
    for field in ("for", "keep_firing_for"):
        node = values.get(field)
        if node is None:
            continue
        seconds = _time(node, field, notes, rule.name.text)
        if seconds is None or not isinstance(node, Scalar):
            continue
        if field == "for":
            rule.hold_s, rule.hold = seconds, node
        else:
            rule.keep_s, rule.keep = seconds, node


def _interval(group: Group, node: Node, notes: Notes) -> None:
    seconds = _time(node, "interval", notes)
    if seconds is None:
        return
    group.interval_s = seconds
    if seconds <= 0:
        notes.add("RULE_INTERVAL", "an interval of 0 is the server's default, and looks like always", node)
    elif seconds > _LONGEST_INTERVAL_S:
        why = "a series is stale, and gone, after 5 minutes without a sample"
        notes.add("RULE_INTERVAL", "the interval is longer than 5m", node, evidence=why)


def _time(node: Node, field: str, notes: Notes, rule: str = "") -> float | None:
    if not isinstance(node, Scalar):
        notes.add("RULE_DURATION", f"{field} is a duration", node, rule=rule)
        return None
    seconds = _seconds(node.text)
    if isinstance(seconds, str):
        notes.add("RULE_DURATION", f"{field}: {seconds}", node, rule=rule, needle=node.text)
        return None
    return seconds


@lru_cache(maxsize=512)
def _seconds(text: str) -> float | str:
    try:
        return float(parse_duration(text))
    except BadValue as error:
        return str(error)
