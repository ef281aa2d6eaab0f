"""What an alert must say: the annotations of a rendered rule with the templates of Prometheus worked out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from ccops.core.errors import UsageError
from ccops.rules.strictyaml import load_texts
from ccops.rules.templating import RenderedFile
from ccops.rules.values import parse_duration

_ACTION = re.compile(r"\{\{\s*(?P<body>.*?)\s*\}\}")
_LABEL = re.compile(r"\$labels\.(?P<name>[A-Za-z_][A-Za-z0-9_]*)")
_PRINTF = re.compile(r'printf "%\.(?P<digits>[0-9])f" \$value')


@dataclass(frozen=True, slots=True)
class Rule:
    """One rendered alert. `for_s` is 0 when it has none."""

    alert: str
    file: str
    expr: str
    for_s: int
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


def alerts_of(files: tuple[RenderedFile, ...]) -> tuple[Rule, ...]:
    """Return all alerts of a rendered set, in order."""
    return tuple(rule for file in files for rule in _alerts(file))


def expected(rule: Rule, labels: Mapping[str, str], value: Fraction) -> dict[str, str]:
    """Return the annotations of `rule` for a series with `labels` and `value`.

    Raises UsageError for a construct that is not worked out here.
    """
    return {name: _worked_out(rule, text, labels, value) for name, text in rule.annotations.items()}


def _worked_out(rule: Rule, text: str, labels: Mapping[str, str], value: Fraction) -> str:
    def one(match: re.Match[str]) -> str:
        if label := _LABEL.fullmatch(match["body"]):
            return labels.get(label["name"], "")
        if printf := _PRINTF.fullmatch(match["body"]):
            return f"{float(value):.{printf['digits']}f}"
        raise UsageError(
            "BOUNDARY_ANNOTATION",
            f"{rule.alert} says {match[0]}, which can't be foretold",
            evidence=f'{rule.file}: known are {{{{ $labels.x }}}} and {{{{ printf "%.2f" $value }}}}',
            next_step="use one of these, so that the test can hold the whole sentence",
        )

    return _ACTION.sub(one, text)


def _alerts(file: RenderedFile) -> list[Rule]:
    plain = load_texts(file.text)
    groups = plain.get("groups", []) if isinstance(plain, dict) else []
    return [
        Rule(
            rule["alert"],
            file.name,
            rule["expr"],
            int(parse_duration(rule.get("for", "0"))),
            rule.get("labels", {}),
            rule.get("annotations", {}),
        )
        for group in groups
        for rule in group.get("rules", [])
        if "alert" in rule
    ]
