"""What is wrong with the expression of one rule, before any series is looked up."""

from __future__ import annotations

import math
import re

from ccops.core.yamltree import Scalar
from ccops.rules.check.conditions import constant, shown, unconditional
from ccops.rules.check.model import Rule
from ccops.rules.check.source import Notes
from ccops.rules.check.targets import FUNCTIONS, Target, oddities
from ccops.rules.promql import Expr, PromqlError, functions, parse, result_type, selectors
from ccops.rules.promql_tree import Binary, Node, Number, Text, walk
from ccops.rules.re2 import fault_of

_ENDLESS = re.compile(r"(?i)\bnan\b|[-+]?\binf\b|\b[0-9][0-9.]*e\+?[0-9]{3,}|\b[0-9]{300,}")


def judge_expression(rule: Rule, notes: Notes, target: Target) -> None:
    """Parse the expression of `rule` into it, and note what no catalogue is needed for."""
    text = rule.text
    if text is None:
        return
    try:
        expr = parse(text.text)
    except PromqlError as error:
        notes.add(
            "RULE_EXPR", f"no PromQL: {error!s:.200}", text, rule=rule.name.text, evidence=_one_line(text)
        )
        return
    rule.expr = expr
    _patterns(expr, text, rule, notes)
    _versions(expr, text, rule, notes, target)
    kind = result_type(expr)
    if kind in {"string", "matrix"}:
        what = "a text" if kind == "string" else "a range of samples"
        why = "the server loads it, and each evaluation fails"
        notes.add("RULE_EXPR_TYPE", f"the expr returns {what}", text, rule=rule.name.text, evidence=why)
        return
    _numbers(expr, text, rule, notes)
    if rule.alert:
        _condition(expr.root, text, rule, notes)


def _patterns(expr: Expr, text: Scalar, rule: Rule, notes: Notes) -> None:
    for selector in selectors(expr):
        for one in selector.matchers:
            if one.op in {"=~", "!~"} and (fault := fault_of(one.value)):
                said = f"{one.label}{one.op}{one.value!r:.80}: {fault}"
                notes.add("RULE_EXPR", said, text, rule=rule.name.text, needle=one.value)


def _one_line(text: Scalar) -> str:
    return " ".join(text.text.split())[:160]


def _versions(expr: Expr, text: Scalar, rule: Rule, notes: Notes, target: Target) -> None:
    name, allowed = rule.name.text, FUNCTIONS[target]
    for called in functions(expr):
        if called not in allowed:
            has = [one.value for one in Target if called in FUNCTIONS[one]]
            where = f"{' and '.join(has)} has it" if has else "no version has it without a feature flag"
            said = f"{called} is not in Prometheus {target}"
            notes.add("RULE_TARGET", said, text, rule=name, evidence=where, needle=called)
    order = list(Target)
    for odd in oddities(expr.text):
        if odd.since is None:
            said = f"{odd.text} is read as {int(float(_octal(odd.text)))}: {odd.what}"
            notes.add("RULE_NUMBER", said, text, rule=name, needle=odd.text)
        elif order.index(odd.since) > order.index(target):
            said = f"{odd.text} is {odd.what}, which Prometheus {target} refuses"
            notes.add("RULE_TARGET", said, text, rule=name, needle=odd.text)
    if any(isinstance(one, Binary) and one.matching.filled for one in walk(expr.root)):
        notes.add(
            "RULE_TARGET", "fill() needs a feature flag in every version", text, rule=name, needle="fill"
        )


def _octal(text: str) -> int:
    digits = text.rstrip(".")
    return int(digits, 8) if digits.isdigit() and not set(digits) & {"8", "9"} else int(digits.split(".")[0])


def _numbers(expr: Expr, text: Scalar, rule: Rule, notes: Notes) -> None:
    for one in walk(expr.root):
        if isinstance(one, Number) and not math.isfinite(one.value):
            match = _ENDLESS.search(text.text)
            written = match[0] if match else ""
            what = "no number" if math.isnan(one.value) else "endless"
            said = f"{written or 'a number'} is {what}: nothing compares with it"
            notes.add(
                "RULE_NUMBER", said, text, rule=rule.name.text, evidence=_one_line(text), needle=written
            )
            return


def _condition(root: Node, text: Scalar, rule: Rule, notes: Notes) -> None:
    name = rule.name.text
    if constant(root):
        said = f"{shown(root)} asks no series: it is always the same"
        notes.add("RULE_EXPR_CONSTANT", said, text, rule=name)
        return
    part = unconditional(root)
    if part is None:
        return
    if constant(part) and part is not root and not isinstance(part, Text):
        said = f"{shown(part)} is always there, so the alert always fires"
        notes.add("RULE_EXPR_CONSTANT", said, text, rule=name, evidence=_one_line(text), needle=_needle(part))
        return
    said = f"{shown(part)[:80]} is returned whatever its value is"
    if isinstance(part, Binary) and part.returns_bool:
        said = f"{part.op} bool returns 0 instead of nothing, and an alert fires for that too"
        notes.add("RULE_NO_COMPARISON", said, text, rule=name, needle="bool")
        return
    notes.add("RULE_NO_COMPARISON", said, text, rule=name, evidence=_one_line(text))


def _needle(part: Node) -> str:
    return getattr(part, "name", "") or ""
