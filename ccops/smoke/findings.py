"""What is wrong with a scenario file, and where."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ccops.core.errors import UsageError
from ccops.smoke.model import Place

_LISTED = 12  # a longer list of known words is no help any more

# Words of other tools, and our own older ones, with what they are called here.
_SYNONYMS = {
    "pg": "sql",
    "postgres": "sql",
    "postgresql": "sql",
    "ch": "clickhouse",
    "olap": "clickhouse",
    "prometheus": "prom",
    "alertmanager": "alerts",
    "websocket": "ws",
    "valkey": "redis",
    "do": "steps",
    "assert": "expect",
    "asserts": "expect",
    "response": "expect",
    "response_json": "json",
    "count": "exactly",
    "timeout": "within",
    "description": "title",
    "variables": "vars",
    "gte": "ge",
    "lte": "le",
    "eq": "a plain value",
    "ne": "not",
    "neq": "not",
    "regex": "re",
    "contains": "has",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One error in a scenario: `file:line:col: message (hint)`."""

    place: Place
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class ScenarioInvalid(UsageError):
    """A scenario has errors; `findings` holds all of them."""

    def __init__(self, file: str, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        number = len(self.findings)
        super().__init__(
            "SCENARIO_INVALID",
            f"{file} has {number} error{'s' if number != 1 else ''}",
            evidence="\n".join(str(finding) for finding in self.findings),
            next_step=f"edit {self.findings[0].place}" if self.findings else "",
        )


def nearest(word: str, known: Collection[str]) -> str:
    """Return the known word that was probably meant, or an empty text."""
    synonym = _SYNONYMS.get(word.lower(), "")
    if synonym in known or synonym == "a plain value":
        return synonym
    near = difflib.get_close_matches(word, sorted(known), n=1)
    return near[0] if near else ""


def suggestion(word: str, known: Collection[str]) -> str:
    """Return the hint for an unknown word: the nearest one, else the short list of all."""
    if near := nearest(word, known):
        return f"did you mean {near}?"
    if known and len(known) <= _LISTED:
        return f"known: {', '.join(sorted(known))}"
    return ""
