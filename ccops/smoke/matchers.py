"""Compare what was seen with what was wanted. Patterns are data, so a failure is a list of differences.

A scalar means equality, an object is partial, a list goes element by element. A mapping is a matcher
when all its keys are matcher names: `{ge: 1, le: 9}`. `{type: reward_granted}` is an object, since
that is no type; `$object: {...}` says object and `$exact: {...}` says object with no other keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ccops.smoke import expressions
from ccops.smoke.conditions import MATCHERS, Context, is_matcher
from ccops.smoke.mismatch import Mismatch, render_mismatches
from ccops.smoke.quantities import unwrap
from ccops.smoke.signs import SIGNS
from ccops.smoke.values import MISSING, Literal, Missing, normal, same_scalar

__all__ = [
    "MISSING",
    "Literal",
    "Mismatch",
    "match",
    "match_headers",
    "matches",
    "render_expected",
    "render_mismatches",
]

MAX_MISMATCHES: Final = 50
_TOO_DEEP: Final = 150
_CLOSED, _OPEN = "$exact", "$object"


def match(expected: object, actual: object, scope: Mapping[str, object] | None = None) -> list[Mismatch]:
    """Return the differences between a rendered pattern and an observed value; empty when it fits.

    `scope` serves `ref` and the baseline of `delta`. At most 50 differences are returned.
    """
    return _Matching(scope or {}).compare("$", expected, actual)[:MAX_MISMATCHES]


def matches(expected: object, actual: object, scope: Mapping[str, object] | None = None) -> bool:
    """Return whether `actual` fits the pattern."""
    return not match(expected, actual, scope)


def match_headers(
    expected: Mapping[str, object], headers: Mapping[str, str], scope: Mapping[str, object] | None = None
) -> list[Mismatch]:
    """Return the differences of HTTP headers: names in any case, digits also as numbers."""
    lower = {name.lower(): value for name, value in headers.items()}
    found: list[Mismatch] = []
    for name, pattern in expected.items():
        value: object = lower.get(name.lower(), MISSING)
        if isinstance(value, str) and value.isdecimal() and match(pattern, value, scope):
            value = int(value[:30])
        found += _Matching(scope or {}).compare(f"$.{name}", pattern, value)
    return found[:MAX_MISMATCHES]


def render_expected(value: object, scope: Mapping[str, object]) -> object:
    """Return the pattern with every `${...}` evaluated; what comes out of one becomes Literal.

    What a server answered is data: a captured "$any" or {"ge": 0} must never act as a matcher.
    """
    if isinstance(value, str):
        rendered = expressions.render_text(value, scope)
        return rendered if rendered is value else Literal(rendered)
    if isinstance(value, Mapping):
        return {
            str(expressions.render_text(str(key), scope)): render_expected(item, scope)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [render_expected(item, scope) for item in value]
    return value


class _Matching:
    """One comparison: the scope, and how deep it is."""

    def __init__(self, scope: Mapping[str, object]) -> None:
        self._scope = scope
        self._depth = 0

    def compare(self, path: str, expected: object, actual: object) -> list[Mismatch]:
        if self._depth >= _TOO_DEEP:
            return [Mismatch(path, f"at most {_TOO_DEEP} levels", "deeper")]
        self._depth += 1
        try:
            return self._compare(path, expected, normal(actual))
        finally:
            self._depth -= 1

    def _compare(self, path: str, expected: object, actual: object) -> list[Mismatch]:
        if isinstance(expected, Literal):
            return self._same(path, normal(expected.value), actual)
        if isinstance(expected, str) and expected in SIGNS:
            return [] if SIGNS[expected](actual) else [Mismatch(path, expected, actual)]
        if isinstance(actual, Missing):
            return self._absent(path, expected)
        if isinstance(expected, Mapping):
            return self._mapping(path, expected, actual)
        if isinstance(expected, list | tuple):
            return self._elements(path, [*expected], actual)
        return [] if same_scalar(normal(expected), actual) else [Mismatch(path, expected, actual)]

    def _absent(self, path: str, expected: object) -> list[Mismatch]:
        """A key that is not there fits `$absent` and `{in: [..., $absent]}`, and no other pattern."""
        options = expected.get("in") if isinstance(expected, Mapping) and set(expected) == {"in"} else None
        allowed = isinstance(options, list | tuple) and "$absent" in options
        return [] if allowed else [Mismatch(path, expected, MISSING)]

    def _mapping(self, path: str, expected: Mapping[str, object], actual: object) -> list[Mismatch]:
        if len(expected) == 1 and (key := next(iter(expected))) in (_CLOSED, _OPEN):
            inner = unwrap(expected[key])
            if isinstance(inner, Mapping):
                return self._object(path, inner, actual, closed=key == _CLOSED)
        if is_matcher(expected):
            context = Context(path, self._scope, self.compare)
            return [
                item
                for name, operand in expected.items()
                for item in MATCHERS[name](operand, actual, context)
            ]
        return self._object(path, expected, actual, closed=False)

    def _object(
        self, path: str, expected: Mapping[str, object], actual: object, *, closed: bool
    ) -> list[Mismatch]:
        if not isinstance(actual, Mapping):
            return [Mismatch(path, expected, actual)]
        got = {str(key): value for key, value in actual.items()}
        found: list[Mismatch] = []
        for key, pattern in expected.items():
            found += self.compare(_below(path, str(key)), pattern, got.get(str(key), MISSING))
        if closed:
            extra = got.keys() - {str(key) for key in expected}
            found += [Mismatch(_below(path, key), MISSING, got[key]) for key in sorted(extra)]
        return found

    def _elements(self, path: str, expected: Sequence[object], actual: object) -> list[Mismatch]:
        if not isinstance(actual, list):
            return [Mismatch(path, expected, actual)]
        found: list[Mismatch] = []
        if len(expected) != len(actual):
            found.append(Mismatch(f"len({path})", len(expected), len(actual)))
        for index, (pattern, item) in enumerate(zip(expected, actual, strict=False)):
            found += self.compare(f"{path}[{index}]", pattern, item)
        return found

    def _same(self, path: str, wanted: object, actual: object) -> list[Mismatch]:
        """Compare as data: objects have the same keys, and nothing in `wanted` is a matcher."""
        if isinstance(wanted, Mapping) and isinstance(actual, Mapping):
            literal = {str(key): Literal(value) for key, value in wanted.items()}
            return self._object(path, literal, actual, closed=True)
        if isinstance(wanted, list) and isinstance(actual, list):
            return self._elements(path, [Literal(item) for item in wanted], actual)
        same = not isinstance(actual, Missing) and same_scalar(wanted, actual)
        return [] if same else [Mismatch(path, wanted, actual)]


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if key.isidentifier() else f"{path}[{key!r}]"
