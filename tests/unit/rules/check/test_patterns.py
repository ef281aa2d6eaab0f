"""Patterns of matchers: what the PromQL library takes and Go does not is refused."""

from __future__ import annotations

import pytest

from ccops.rules.check import check_text
from ccops.rules.re2 import fault_of, matches
from tests.rules_probes import settings
from tests.unit.rules.check.test_files import GOOD

_DOUBLED = ("a++", "a+??", "a**", ".{2}{3}", "a{1001}")
_UNKNOWN = ("(?x)a", "(?<n>a)", "(?=a)", r"\Z", r"\u00e9", r"\1", "[[:foo:]]", "[a--b]")
BAD = (*_DOUBLED, *_UNKNOWN)
_PLAIN = (r"a+?", "a{1000}", "(?i)a", "(?i:a)", "(?P<n>a)", "(?s-i)a", "[[:alpha:]]+", "[]a]", "[^]a-]", "()")
_ESCAPED = (r"\d+\.\w", r"\bab\z", r"\x41\x{41}", r"\p{Greek}", r"\_", r"\<a", r"\b{start}")
GOOD_ONES = (*_PLAIN, *_ESCAPED, "(?:a|b)+", ".*[.]replay[.][0-9]{10}")


@pytest.mark.parametrize("pattern", BAD)
def test_what_go_refuses_is_refused(pattern: str) -> None:
    assert fault_of(pattern)


@pytest.mark.parametrize("pattern", GOOD_ONES)
def test_what_go_reads_passes(pattern: str) -> None:
    assert fault_of(pattern) == ""


def test_a_bad_pattern_is_told_at_its_rule() -> None:
    text = GOOD.replace("up == 0", "up{job=~'.++'} == 0")
    assert [(one.code, one.line) for one in check_text(text, settings()).findings] == [("RULE_EXPR", 6)]
    assert check_text(GOOD.replace("up == 0", "up{job=~'.+'} == 0"), settings()).findings == ()


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("it.+|x", "item", True),
        ("it", "item", False),
        ("(?i)ITEM", "item", True),
        ("[[:alpha:]]+", "item", None),
        (r"\p{Greek}", "item", None),
        ("(i+)+t", "item", None),
        ("(", "item", None),
    ],
)
def test_a_pattern_is_tried_only_when_python_reads_it_alike(
    pattern: str, value: str, expected: bool | None
) -> None:
    assert matches(pattern, value) is expected
