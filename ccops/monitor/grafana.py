"""Grafana's own words inside queries: what a browser would put in their place, so that PromQL can be read."""

from __future__ import annotations

import re
from collections.abc import Mapping

# What each stands for at the default range of a dashboard (1 h) and a scrape interval of 15 s or shorter.
MACROS: Mapping[str, str] = {
    "__rate_interval": "5m",
    "__interval": "1m",
    "__interval_ms": "60000",
    "__range": "1h",
    "__range_s": "3600",
    "__range_ms": "3600000",
}
_USE = re.compile(r"\$\{(?P<braced>\w+)(?::\w+)?\}|\$(?P<plain>\w+)|\[\[(?P<legacy>\w+)(?::\w+)?\]\]")
_LABEL_VALUES = re.compile(r"\s*label_values\((?:(?P<query>.*),)?\s*(?P<label>\w+)\s*\)\s*", re.DOTALL)
_QUERY_RESULT = re.compile(r"\s*query_result\((?P<query>.*)\)\s*", re.DOTALL)


def substituted(expr: str, variables: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """Return `expr` with macros and template variables replaced, and the names that nobody defines."""
    unknown: list[str] = []

    def one(found: re.Match[str]) -> str:
        name = found["braced"] or found["plain"] or found["legacy"]
        if name in MACROS:
            return MACROS[name]
        if name not in variables:
            unknown.append(name)
        return variables.get(name, found[0])

    return _USE.sub(one, expr), tuple(dict.fromkeys(unknown))


def variable_query(text: str) -> tuple[str, str]:
    """Return PromQL and label of a variable's query: `label_values(metric, label)`, `query_result(expr)`."""
    if found := _LABEL_VALUES.fullmatch(text):
        return (found["query"] or "").strip(), found["label"]
    if found := _QUERY_RESULT.fullmatch(text):
        return found["query"].strip(), ""
    return text.strip(), ""
