"""The matchers by name: each compares its operand with the observed value and returns the differences."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from ccops.core.errors import UsageError
from ccops.smoke import expressions
from ccops.smoke.mismatch import Mismatch
from ccops.smoke.quantities import change, is_between, is_close, is_ordered, unwrap
from ccops.smoke.signs import TYPES, type_names
from ccops.smoke.values import MISSING, Literal, jsonable

MAX_RE_TEXT: Final = 10_000  # a pattern that backtracks must not meet a megabyte
MAX_UNORDERED: Final = 300

Compare = Callable[[str, object, object], list[Mismatch]]


@dataclass(frozen=True, slots=True)
class Context:
    """Where the value stands, the scope for `ref`, and the comparison for inner patterns."""

    path: str
    scope: Mapping[str, object]
    compare: Compare


Condition = Callable[[object, object, Context], list[Mismatch]]


def _verdict(ok: bool, name: str, operand: object, actual: object, context: Context) -> list[Mismatch]:
    return [] if ok else [Mismatch(context.path, {name: operand}, actual)]


def _ordering(name: str) -> Condition:
    def check(operand: object, actual: object, context: Context) -> list[Mismatch]:
        return _verdict(is_ordered(name, operand, actual), name, operand, actual, context)

    return check


def _between(operand: object, actual: object, context: Context) -> list[Mismatch]:
    return _verdict(is_between(operand, actual), "between", operand, actual, context)


def _in(operand: object, actual: object, context: Context) -> list[Mismatch]:
    options = _listed(operand)
    ok = any(not context.compare(context.path, option, actual) for option in options)
    return _verdict(ok, "in", operand, actual, context)


def _listed(operand: object) -> list[object]:
    """Return the patterns of a list operand; the items of a Literal list stay literal."""
    if isinstance(operand, Literal):
        return (
            [Literal(item) for item in operand.value]
            if isinstance(operand.value, list | tuple)
            else [operand]
        )
    return list(operand) if isinstance(operand, list | tuple) else [operand]


def _not(operand: object, actual: object, context: Context) -> list[Mismatch]:
    ok = bool(context.compare(context.path, operand, actual))
    return _verdict(ok, "not", operand, actual, context)


@functools.lru_cache(maxsize=512)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Return the compiled regular expression; re.error when it is malformed."""
    return re.compile(pattern)


def _re(operand: object, actual: object, context: Context) -> list[Mismatch]:
    pattern = unwrap(operand)
    if not isinstance(pattern, str) or not isinstance(actual, str):
        return _verdict(False, "re", operand, actual, context)
    if len(actual) > MAX_RE_TEXT:
        return [Mismatch(context.path, {"re": f"a text of at most {MAX_RE_TEXT} characters"}, len(actual))]
    try:
        found = compile_pattern(pattern).search(actual)
    except (re.error, RecursionError, OverflowError):
        return [Mismatch(context.path, {"re": "a valid regular expression"}, pattern)]
    return _verdict(found is not None, "re", operand, actual, context)


def _type(operand: object, actual: object, context: Context) -> list[Mismatch]:
    ok = any(TYPES[name](actual) for name in type_names(operand))
    return _verdict(ok, "type", operand, actual, context)


def _len(operand: object, actual: object, context: Context) -> list[Mismatch]:
    if not isinstance(actual, str | list | Mapping):
        return _verdict(False, "len", operand, actual, context)
    return context.compare(f"len({context.path})", operand, len(actual))


def _has(operand: object, actual: object, context: Context) -> list[Mismatch]:
    """A text has its parts, an object its keys, an array an element for every pattern."""
    wanted = _listed(operand)
    if isinstance(actual, str):
        missing = [
            item for item in wanted if not isinstance(unwrap(item), str) or str(unwrap(item)) not in actual
        ]
    elif isinstance(actual, Mapping):
        keys = {str(key) for key in actual}
        missing = [item for item in wanted if not isinstance(unwrap(item), str) or unwrap(item) not in keys]
    elif isinstance(actual, list):
        missing = [item for item in wanted if all(context.compare(context.path, item, got) for got in actual)]
    else:
        missing = wanted
    return [Mismatch(context.path, {"has": item}, actual) for item in missing]


def _each(operand: object, actual: object, context: Context) -> list[Mismatch]:
    if not isinstance(actual, list) or not actual:  # nothing was looked at: never green
        return [Mismatch(context.path, {"each": operand}, actual)]
    found: list[Mismatch] = []
    for index, item in enumerate(actual):
        found += context.compare(f"{context.path}[{index}]", operand, item)
    return found


def _any(operand: object, actual: object, context: Context) -> list[Mismatch]:
    items = actual if isinstance(actual, list) else []
    ok = any(
        not context.compare(f"{context.path}[{index}]", operand, item) for index, item in enumerate(items)
    )
    return _verdict(ok, "any", operand, actual, context)


def _unordered(operand: object, actual: object, context: Context) -> list[Mismatch]:
    """Pair patterns and elements one to one; a greedy choice would fail on [$any, 1] against [1, 2]."""
    wanted = _listed(operand)
    if not isinstance(actual, list):
        return _verdict(False, "unordered", operand, actual, context)
    if len(actual) != len(wanted) or len(wanted) > MAX_UNORDERED:
        return [Mismatch(f"len({context.path})", len(wanted), len(actual))]
    fits = [
        [index for index, got in enumerate(actual) if not context.compare(context.path, want, got)]
        for want in wanted
    ]
    owner: dict[int, int] = {}
    alone = [want for want in range(len(wanted)) if not _place(want, fits, owner, set())]
    free = [index for index in range(len(actual)) if index not in owner]
    return [
        Mismatch(f"{context.path}[{index}]", wanted[want], actual[index])
        for want, index in zip(alone, free, strict=True)
    ]


def _place(want: int, fits: list[list[int]], owner: dict[int, int], seen: set[int]) -> bool:
    for index in fits[want]:
        if index in seen:
            continue
        seen.add(index)
        if index not in owner or _place(owner[index], fits, owner, seen):
            owner[index] = want
            return True
    return False


def _approx(operand: object, actual: object, context: Context) -> list[Mismatch]:
    """`approx: 2.5` is within a millionth; `approx: [2.5, 0.1]` within 0.1."""
    return _verdict(is_close(_listed(operand), actual), "approx", operand, actual, context)


def _delta(operand: object, actual: object, context: Context) -> list[Mismatch]:
    """Compare the change since the step began: the observation's own `delta`, or value minus baseline."""
    if isinstance(actual, Mapping) and "delta" in actual:
        return context.compare(f"{context.path}.delta", operand, actual["delta"])
    difference = change(context.scope.get("baseline"), actual)
    if difference is None:
        return [Mismatch(context.path, {"delta": operand}, MISSING)]
    return context.compare(f"delta({context.path})", operand, difference)


def _ref(operand: object, actual: object, context: Context) -> list[Mismatch]:
    try:
        value = expressions.evaluate(str(unwrap(operand)), context.scope)
    except expressions.ExpressionError as err:
        return [Mismatch(context.path, {"ref": err.message}, actual)]
    return context.compare(context.path, Literal(value), actual)


def _schema(operand: object, actual: object, context: Context) -> list[Mismatch]:
    import jsonschema
    import referencing

    schema = unwrap(operand)
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
        # An explicit registry: without one jsonschema would fetch a remote $ref.
        validator = jsonschema.Draft202012Validator(schema, registry=referencing.Registry())
        errors = sorted(validator.iter_errors(jsonable(actual)), key=lambda error: error.json_path)
        return [
            Mismatch(
                context.path + error.json_path[1:], {error.validator: error.validator_value}, error.instance
            )
            for error in errors
        ]
    except (jsonschema.SchemaError, referencing.exceptions.Unresolvable, UsageError, re.error) as err:
        return [Mismatch(context.path, {"schema": f"a usable JSON schema ({type(err).__name__})"}, schema)]


MATCHERS: Final[Mapping[str, Condition]] = {
    "gt": _ordering("gt"),
    "ge": _ordering("ge"),
    "lt": _ordering("lt"),
    "le": _ordering("le"),
    "between": _between,
    "in": _in,
    "not": _not,
    "re": _re,
    "type": _type,
    "len": _len,
    "has": _has,
    "each": _each,
    "any": _any,
    "unordered": _unordered,
    "approx": _approx,
    "delta": _delta,
    "changed_by": _delta,
    "schema": _schema,
    "ref": _ref,
}


def is_matcher(expected: Mapping[str, object]) -> bool:
    """Return whether every key is a matcher name, and `type` and `schema` have operands of that sense.

    `{type: reward_granted}` and `{schema: v1}` are the fields of a frame.
    """
    if not expected or not all(key in MATCHERS for key in expected):
        return False
    if "type" in expected and not type_names(expected["type"]):
        return False
    return "schema" not in expected or isinstance(unwrap(expected["schema"]), Mapping)
