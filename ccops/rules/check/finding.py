"""What the check of rules can find: codes with their severity and next step, and where a finding is."""

from __future__ import annotations

from dataclasses import dataclass

from ccops.core.reports.marks import Severity

_ERROR, _WARNING = Severity.ERROR, Severity.WARNING


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a rule file.

    file, line  in the template when the file was rendered from one, else in the file itself; from 1
    rendered    `name.yml:12` in the rendered text; "" when there was no template
    rule        the alert or recording; "" when it is about the file
    variables   the threshold variables used on that line
    """

    code: str
    message: str
    file: str
    line: int
    severity: Severity = Severity.ERROR
    evidence: str = ""
    next_step: str = ""
    rule: str = ""
    variables: tuple[str, ...] = ()
    rendered: str = ""


@dataclass(frozen=True, slots=True)
class Sort:
    """How loud a code is, and what to do about it."""

    severity: Severity
    next_step: str


# What each means is in ccops/core/explanations.yml; a test holds both lists against each other.
SORTS: dict[str, Sort] = {
    # the file
    "RULE_YAML": Sort(_ERROR, "mend the YAML there"),
    "RULE_DUPLICATE_KEY": Sort(_ERROR, "remove one of the two"),
    "RULE_SECOND_DOCUMENT": Sort(_ERROR, "give each document a file of its own"),
    "RULE_EMPTY": Sort(_ERROR, "write the rules, or remove what is empty"),
    "RULE_FIELD_UNKNOWN": Sort(_ERROR, "correct the name, or remove the field"),
    "RULE_FIELD_TYPE": Sort(_ERROR, "give it the kind of value that is named"),
    "RULE_FIELD_MISSING": Sort(_ERROR, "add it"),
    "RULE_DURATION": Sort(_ERROR, "write it like 90s, 5m or 1h30m"),
    "RULE_INTERVAL": Sort(_ERROR, "leave it out for the server's default, or write 15s to 5m"),
    "RULE_TARGET": Sort(_ERROR, "write it in the older way, or --target a newer version"),
    "RULE_DUPLICATE_GROUP": Sort(_ERROR, "give each group a name of its own"),
    "RULE_DUPLICATE": Sort(_ERROR, "remove one, or tell them apart by a label"),
    "RULE_NAME": Sort(_ERROR, "give it another name"),
    "RULE_BROUGHT_BY_VALUE": Sort(_ERROR, "a value must not hold a line break: look at the variable"),
    "RULE_LEFTOVER": Sort(_ERROR, "render the template, or remove the placeholder"),
    # the expression
    "RULE_EXPR": Sort(_ERROR, "mend the PromQL"),
    "RULE_EXPR_TYPE": Sort(_ERROR, "an expression is a text that returns a number or a vector"),
    "RULE_EXPR_CONSTANT": Sort(_ERROR, "ask a series, or remove the constant operand"),
    "RULE_NUMBER": Sort(_ERROR, "write a finite decimal number without leading zeros"),
    "RULE_NO_COMPARISON": Sort(_ERROR, "compare it: an alert fires for every series that is returned"),
    "RULE_NEVER_FIRES": Sort(_ERROR, "choose a threshold that the signal can reach"),
    "RULE_ALWAYS_FIRES": Sort(_ERROR, "choose a threshold that the signal can stay clear of"),
    "RULE_SERIES_UNKNOWN": Sort(_ERROR, "correct the name; ccops metrics list shows what there is"),
    "RULE_LABEL_UNKNOWN": Sort(_ERROR, "use a label that the series has"),
    "RULE_VALUE_UNKNOWN": Sort(_ERROR, "use a value that the label can have"),
    "RULE_RAW_COUNTER": Sort(_ERROR, "wrap it: increase(x[5m]) or rate(x[5m])"),
    "RULE_FUNCTION_TYPE": Sort(_ERROR, "rate and increase are for counters, delta and deriv for gauges"),
    "RULE_RANGE_SHORT": Sort(_ERROR, "make the window at least four scrape intervals"),
    "RULE_QUANTILE": Sort(_ERROR, "histogram_quantile(0.95, sum by (le) (rate(x_bucket[5m])))"),
    "RULE_MATCHING": Sort(_ERROR, "match on labels that both sides have"),
    "RULE_NO_VOLUME_GUARD": Sort(_ERROR, "add: and on () sum(increase(x[5m])) >= N"),
    # labels, annotations, times
    "RULE_LABEL_NAME": Sort(_ERROR, "choose another name, of letters, digits and _"),
    "RULE_LABEL_VALUE": Sort(_ERROR, "quote it, or use one of the values named"),
    "RULE_LABEL_TEMPLATE": Sort(_ERROR, "put it into an annotation: labels make the identity of an alert"),
    "RULE_LABEL_REQUIRED": Sort(_ERROR, "add the label"),
    "RULE_ANNOTATION_REQUIRED": Sort(_ERROR, "add the annotation"),
    "RULE_RUNBOOK": Sort(_ERROR, "add the heading to docs/runbooks.md, or correct the anchor"),
    "RULE_TEMPLATE": Sort(_ERROR, "mend the template; functions are those of Prometheus' templates"),
    "RULE_TEMPLATE_LABEL": Sort(_ERROR, "keep the label in the aggregation, or leave it out of the text"),
    "RULE_FOR": Sort(_ERROR, "choose a time that an incident lasts"),
    # layer B
    "PROMTOOL_REFUSED": Sort(_ERROR, "mend what promtool names"),
}
