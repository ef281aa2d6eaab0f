"""What each Prometheus version understands: the floor is 2.42, which Debian 12 ships.

Functions behind a feature flag count as missing: the server would have to be started with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Target(StrEnum):
    """A version of Prometheus that a rule set is meant for."""

    V2_42 = "2.42"
    V2_53 = "2.53"
    V3 = "3.x"


_NAMES_2_42 = """
abs absent absent_over_time acos acosh asin asinh atan atanh avg_over_time ceil changes clamp clamp_max
clamp_min cos cosh count_over_time day_of_month day_of_week day_of_year days_in_month deg delta deriv
exp floor histogram_count histogram_fraction histogram_quantile histogram_sum holt_winters hour idelta
increase irate label_join label_replace last_over_time ln log10 log2 max_over_time min_over_time minute
month pi predict_linear present_over_time quantile_over_time rad rate resets round scalar sgn sin sinh
sort sort_desc sqrt stddev_over_time stdvar_over_time sum_over_time tan tanh time timestamp vector year
avg bottomk count count_values group max min quantile stddev stdvar sum topk
"""
# Read in promql/parser/functions.go of v2.42.0, v2.53.3 and v3.0.0; what a later 3 added is not in every 3.
_FUNCTIONS_2_42 = frozenset(_NAMES_2_42.split())
_FUNCTIONS_2_53 = _FUNCTIONS_2_42 | {"histogram_avg", "histogram_stddev", "histogram_stdvar"}
FUNCTIONS: dict[Target, frozenset[str]] = {
    Target.V2_42: _FUNCTIONS_2_42,
    Target.V2_53: _FUNCTIONS_2_53,
    Target.V3: _FUNCTIONS_2_53 - {"holt_winters"},
}
GROUP_FIELDS: dict[Target, frozenset[str]] = {
    Target.V2_42: frozenset({"name", "interval", "limit", "rules"}),
    Target.V2_53: frozenset({"name", "interval", "limit", "rules", "query_offset"}),
    Target.V3: frozenset({"name", "interval", "limit", "rules", "query_offset", "labels"}),
}
RULE_FIELDS = frozenset({"record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"})

# Cheap first look: most expressions have nothing that a version could disagree about.
_SUSPECT = re.compile(
    r"(?<![\w.:\[])(?:0[0-9]|[0-9][0-9.]*(?:ms|[smhdwy]))|[{(,]\s*[\"'`]|\[\s*[0-9.]+\s*[\]:]"
)
_TOKENS = re.compile(
    r"""(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
      | (?P<comment>\#[^\n]*)
      | (?P<word>[A-Za-z_:][\w:]*)
      | (?P<duration>(?:[0-9]+(?:ms|[smhdwy]))+)(?![\w.])
      | (?P<number>0[xX][0-9a-fA-F]+|[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?)
      | (?P<sign>[\[\]{}(),:])""",
    re.VERBOSE | re.ASCII,
)
_LISTS = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})


@dataclass(frozen=True, slots=True)
class Oddity:
    """Something that not every version reads alike: `since` is the first that reads it; None: octal."""

    text: str
    what: str
    since: Target | None


def oddities(text: str) -> tuple[Oddity, ...]:
    """Return numbers that are octal, and durations, windows and names that only newer versions read."""
    if _SUSPECT.search(text) is None:
        return ()
    found: list[Oddity] = []
    opened, before, inside = "", "", ""
    for match in _TOKENS.finditer(text):
        kind, word = match.lastgroup, match[0]
        if kind == "comment":
            continue
        if kind == "sign":
            opened, inside = _opened(word, opened, before), word
        elif kind == "number":
            if opened == "[":
                found.append(Oddity(word, "a window without a unit", Target.V3))
            elif len(word) > 1 and word[0] == "0" and word[1] in "0123456789":
                found.append(Oddity(word, "a leading zero makes it octal", None))
        elif kind == "duration" and opened != "[" and before != "offset":
            found.append(Oddity(word, "a duration used as a number", Target.V3))
        elif kind == "string" and opened == "{" and inside in {"{", ","} and _is_name(text, match.end()):
            found.append(Oddity(word, "a metric or label name in quotes", Target.V2_53))
        elif kind == "string" and opened == "(":
            found.append(Oddity(word, "a label in quotes to group or match by", Target.V3))
        if kind != "sign":
            before, inside = word.lower(), ""
        elif word == "(":
            before = ""
    return tuple(found)


def _opened(sign: str, opened: str, before: str) -> str:
    """Return the bracket that a token stands in; of round ones only those that list labels count."""
    if sign in "[{":
        return sign
    if sign == "(" and before in _LISTS:
        return sign
    return "" if sign in "]}" or (sign == ")" and opened == "(") else opened


def _is_name(text: str, end: int) -> bool:
    """Return whether a string in braces is a name: a value stands behind an operator and was seen with it."""
    rest = text[end:].lstrip()
    return rest[:1] in {",", "}", "=", "!"}
