"""What a counter has to grow by, as people write it: `NAME{label="value"} >= 1`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ccops.core.errors import UsageError
from ccops.core.exposition import Series
from ccops.monitor.counting import Growths

_OPS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
_WHOLE = re.compile(
    r"\s*(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{(?P<labels>.*)\})?"
    r"\s*(?P<op>>=|<=|==|!=|>|<)\s*(?P<number>-?\d+(?:\.\d+)?)\s*"
)
_MATCHER = re.compile(
    r"\s*(?P<name>[a-zA-Z_][a-zA-Z0-9_]*)\s*(?P<op>=~|!~|!=|=)\s*"
    r"""(?P<quote>["'])(?P<value>(?:(?!(?P=quote))[^\\]|\\.)*)(?P=quote)\s*(?:,|$)"""
)


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label, as in PromQL; a regular expression has to match the whole value."""

    label: str
    op: str
    value: str

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Return whether `labels` fulfil it; a label that is not there is empty."""
        have = labels.get(self.label, "")
        if self.op in {"=", "!="}:
            return (have == self.value) is (self.op == "=")
        return (re.fullmatch(self.value, have) is not None) is (self.op == "=~")


@dataclass(frozen=True, slots=True)
class Delta:
    """A growth that is wanted: of the sum over the series that match."""

    text: str
    name: str
    matchers: tuple[Matcher, ...]
    op: str
    number: float

    def matches(self, series: Series) -> bool:
        """Return whether `series` is one of those that are added up."""
        labels = dict(series.labels)
        return series.name == self.name and all(one.holds(labels) for one in self.matchers)

    def judge(self, growths: Growths) -> Judged:
        """Return what was seen of it so far."""
        seen = [
            (place, grown)
            for place, one in growths.by_place.items()
            for series, grown in one.grown.items()
            if self.matches(series)
        ]
        total = sum(grown for _, grown in seen)
        holds = bool(seen) and _OPS[self.op](total, self.number)
        by_place = {place: sum(g for p, g in seen if p == place) for place, _ in seen}
        return Judged(self, total, len(seen), holds, by_place)


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of a delta. `series` = 0: there is no such series at all, which never holds."""

    delta: Delta
    grown: float
    series: int
    holds: bool
    by_place: Mapping[str, float]


def parse_delta(text: str) -> Delta:
    """Return the wish that `text` states. Raises UsageError that shows the form."""
    found = _WHOLE.fullmatch(text)
    try:
        if found is None:
            raise ValueError('expected NAME{label="value"} OP NUMBER, OP one of >= <= == != > <')
        matchers = tuple(_matchers(found["labels"] or ""))
    except (ValueError, re.error) as error:
        raise UsageError(
            "METRIC_DELTA_INVALID",
            f"--delta {text!r} can't be understood",
            evidence=str(error),
            next_step="""--delta 'ws_legacy_games_connections_by_result_total{result="rejected"} >= 1'""",
        ) from None
    return Delta(text.strip(), found["name"], matchers, found["op"], float(found["number"]))


def _matchers(text: str) -> list[Matcher]:
    made: list[Matcher] = []
    place = 0
    while text[place:].strip():
        found = _MATCHER.match(text, place)
        if found is None:
            raise ValueError(f'expected label="value" at {text[place:][:40]!r}')
        if found["op"] in {"=~", "!~"}:
            re.compile(found["value"])
        made.append(
            Matcher(
                found["name"],
                found["op"],
                re.sub(r"\\(.)", r"\1", found["value"]) if found["op"] in {"=", "!="} else found["value"],
            )
        )
        place = found.end()
    return made
