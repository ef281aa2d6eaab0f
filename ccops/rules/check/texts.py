"""Labels, annotations and times of an alert."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from ccops.core.yamltree import Scalar
from ccops.rules.catalogue import Catalogue
from ccops.rules.check.gotemplate import Template, TemplateError, read
from ccops.rules.check.model import Rule
from ccops.rules.check.source import Notes
from ccops.rules.check.targets import Target
from ccops.rules.promql_labels import labels_of
from ccops.rules.promql_tree import Call, walk

SEVERITIES = ("critical", "warning", "info")
REQUIRED_LABELS = ("severity", "service")
REQUIRED_ANNOTATIONS = ("summary", "runbook_url")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_DAY_S = 86_400.0
_LONGEST_CRITICAL_S = 3600.0


@dataclass(frozen=True, slots=True)
class Demands:
    """What alerts must have. `anchors` None: runbooks are not looked up."""

    labels: tuple[str, ...] = REQUIRED_LABELS
    annotations: tuple[str, ...] = REQUIRED_ANNOTATIONS
    anchors: Collection[str] | None = None


def judge_texts(rule: Rule, notes: Notes, catalogue: Catalogue, demands: Demands, target: Target) -> None:
    """Note what is wrong with the labels, the annotations and the times of `rule`."""
    for label, value in rule.labels.items():
        _label(rule, label, value, notes, target)
    possible = labels_of(rule.expr.root, catalogue.labels_of) if rule.expr is not None else None
    for name, value in rule.annotations.items():
        if target is not Target.V3 and _LABEL.fullmatch(name) is None:
            notes.add(
                "RULE_LABEL_NAME",
                f"{name:.60} can't be the name of an annotation",
                value,
                rule=rule.name.text,
            )
        used = _template(rule, name, value, notes)
        _labels_used(rule, name, value, used, possible, notes)
    if rule.alert:
        _required(rule, notes, demands)
        _times(rule, notes)


def _label(rule: Rule, label: str, value: Scalar, notes: Notes, target: Target) -> None:
    name = rule.name.text
    if label.startswith("__"):
        notes.add("RULE_LABEL_NAME", f"the label {label:.60} is Prometheus' own", value, rule=name)
    elif label == "alertname" and rule.alert:
        why = f"it stays {name:.60}"
        notes.add("RULE_LABEL_NAME", "a label alertname is ignored", value, rule=name, evidence=why)
    elif _LABEL.fullmatch(label) is None and (target is not Target.V3 or not label):
        why = "Prometheus 3 takes any name, older ones refuse the file"
        notes.add(
            "RULE_LABEL_NAME", f"{label!r:.60} can't be the name of a label", value, rule=name, evidence=why
        )
    if value.null or not value.text:
        notes.add("RULE_LABEL_VALUE", f"the label {label:.60} is empty, which is no label", value, rule=name)
    elif value.typed:
        said = f"YAML reads {label:.60}: {value.text:.40} as a number or boolean"
        notes.add("RULE_LABEL_VALUE", said, value, rule=name)
    elif label == "severity" and "{{" not in value.text and value.text not in SEVERITIES:
        said = f"severity {value.text:.40} is none of {', '.join(SEVERITIES)}"
        notes.add("RULE_LABEL_VALUE", said, value, rule=name)
    if "{{" not in value.text:
        return
    if not rule.alert:
        said = f"templates are not expanded in the label {label:.60} of a recording"
        notes.add("RULE_LABEL_TEMPLATE", said, value, rule=name)
        return
    used = _template(rule, label, value, notes)
    if used.uses_value or used.queries:
        said = f"the label {label:.60} changes with the value: each evaluation makes another alert"
        notes.add("RULE_LABEL_TEMPLATE", said, value, rule=name, evidence=value.text[:80])
    elif label == "severity":
        said = "the severity is not known before it fires"
        notes.add("RULE_LABEL_TEMPLATE", said, value, rule=name, evidence=value.text[:80])


def _template(rule: Rule, field: str, value: Scalar, notes: Notes) -> Template:
    if "{{" not in value.text:
        return Template()
    try:
        return read(value.text)
    except TemplateError as error:
        said = f"the template of {field:.60}: {error!s:.120}"
        evidence = " ".join(value.text.split())[:120]
        notes.add("RULE_TEMPLATE", said, value, rule=rule.name.text, evidence=evidence)
        return Template()


def _labels_used(
    rule: Rule, field: str, value: Scalar, used: Template, possible: frozenset[str] | None, notes: Notes
) -> None:
    if possible is None:
        return
    for label in used.labels:
        if label in possible:
            continue
        has = ", ".join(sorted(possible)) or "none"
        said = f"{field:.60} shows $labels.{label}, which the expression does not return"
        why = f"it returns {has}; labels of the rule itself are not in $labels"
        notes.add("RULE_TEMPLATE_LABEL", said, value, rule=rule.name.text, evidence=why, needle=f".{label}")


def _required(rule: Rule, notes: Notes, demands: Demands) -> None:
    name = rule.name.text
    for label in demands.labels:
        if label not in rule.labels:
            notes.add("RULE_LABEL_REQUIRED", f"the alert has no label {label}", rule.name, rule=name)
    for field in demands.annotations:
        value = rule.annotations.get(field)
        if value is None:
            notes.add(
                "RULE_ANNOTATION_REQUIRED", f"the alert has no annotation {field}", rule.name, rule=name
            )
        elif value.null or not value.text.strip():
            notes.add("RULE_ANNOTATION_REQUIRED", f"the annotation {field} is empty", value, rule=name)
    url = rule.annotations.get("runbook_url")
    if url is not None and demands.anchors is not None and "{{" not in url.text:
        anchor = url.text.partition("#")[2]
        if anchor not in demands.anchors:
            said = f"no runbook has the anchor #{anchor:.60}" if anchor else "runbook_url names no anchor"
            notes.add("RULE_RUNBOOK", said, url, rule=name, evidence=url.text[:160])


def _times(rule: Rule, notes: Notes) -> None:
    name = rule.name.text
    critical = rule.labels.get("severity")
    longest = _LONGEST_CRITICAL_S if critical is not None and critical.text == "critical" else _DAY_S
    if rule.hold is not None and rule.hold_s > longest:
        said = f"it must hold for {rule.hold.text} before anybody hears of it"
        why = f"at most {longest / 3600:g} h here; a restart without the server's data begins anew"
        notes.add("RULE_FOR", said, rule.hold, rule=name, evidence=why)
    if rule.keep is not None and rule.keep_s > _DAY_S:
        said = f"it keeps firing for {rule.keep.text} after it is over"
        notes.add("RULE_FOR", said, rule.keep, rule=name, evidence="at most 24 h")
    if rule.hold_s <= 0 and rule.expr is not None and rule.text is not None:
        calls = (one.name for one in walk(rule.expr.root) if isinstance(one, Call))
        if absent := next((one for one in calls if one == "absent"), ""):
            said = f"{absent}() without `for` fires each time the server starts"
            at = rule.hold if rule.hold is not None else rule.text
            notes.add("RULE_FOR", said, at, rule=name, needle=absent)
