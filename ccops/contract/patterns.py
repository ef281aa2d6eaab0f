"""Regular expressions out of documents: matched only when that is certain to end, and sampled.

The bound is static: from the parsed expression follows how the number of steps may grow with the length of
the text, and a text that could take more than `MAX_STEPS` is not tried.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

MAX_STEPS = 2_000_000
MAX_PATTERN = 1_000
MAX_WEIGHT = 20_000  # characters that the shortest match may have
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")


Tree = list[tuple[object, object]]  # a parsed pattern: (name of an element, what belongs to it)


class Undecidable(Exception):
    """Nothing can be said about a value, and why."""


@lru_cache(maxsize=4096)
def _cost(pattern: str) -> tuple[re.Pattern[str], int, int]:
    """Return the compiled pattern, how many choices it has, and how deep its loops nest."""
    if len(pattern) > MAX_PATTERN:
        raise Undecidable(f"the pattern has {len(pattern)} characters")
    try:
        tree = _parse(pattern)
        choices, depth = _measure(tree)
        if _weight(tree) > MAX_WEIGHT:
            raise Undecidable("the pattern counts too far")
        return re.compile(pattern), choices, depth
    except (re.error, OverflowError, RecursionError) as error:
        raise Undecidable(f"the pattern {pattern!r:.80} can't be read here: {error!s:.60}") from None


def search(pattern: str, text: str) -> bool:
    """Return whether `pattern` is found in `text`. Raises Undecidable when that could take too long."""
    compiled, choices, depth = _cost(pattern)
    length = len(text) + 1
    if depth > 1:
        steps = length * min(float(depth) ** min(length, 200), 1e18)
    else:
        steps = float(length) ** (1 + choices)
    if steps > MAX_STEPS:
        raise Undecidable(f"the pattern {pattern!r:.80} could take too long on {len(text)} characters")
    return compiled.search(text) is not None


def samples(pattern: str) -> Iterator[str]:
    """Yield a few texts that should match: the shortest, one step longer loops, and longer ones."""
    _cost(pattern)
    tree = _parse(pattern)
    for extra in (0, 1, 3, 8):
        try:
            yield "".join(_sample(tree, extra))
        except Undecidable:
            return


def _parse(pattern: str) -> Tree:
    from re import _parser  # type: ignore[attr-defined]

    return list(_parser.parse(pattern))


def _measure(tree: object) -> tuple[int, int]:
    """Return (choices, deepest nest of loops that hold a choice) of a parsed pattern."""
    choices = depth = 0
    for item in tree if isinstance(tree, (list, tuple)) or hasattr(tree, "data") else ():  # type: ignore[attr-defined]
        if not (isinstance(item, tuple) and len(item) == 2):
            continue
        name, value = str(item[0]), item[1]
        if name in _REPEATS:
            low, high, body = _loop(value)
            inner, deeper = _measure(body)
            loop = high > 1
            choices += inner + (low != high)
            depth = max(depth, deeper + loop if inner or deeper else int(loop and low != high))
            if loop and inner:
                depth = max(depth, 2)
        elif name == "GROUPREF":
            raise Undecidable("the pattern refers back to a group")
        else:
            bodies = _bodies(name, value)
            choices += name == "BRANCH"
            for body in bodies:
                inner, deeper = _measure(body)
                choices, depth = choices + inner, max(depth, deeper)
    return choices, depth


def _weight(tree: object) -> int:
    """Return how many elements the shortest way through a parsed pattern has."""
    total = 0
    for name, value in tree:  # type: ignore[attr-defined]
        if str(name) in _REPEATS:
            total += max(1, int(value[0])) * max(1, _weight(list(value[2])))
        else:
            total += 1 + sum(_weight(body) for body in _bodies(str(name), value))
    return total


def _bodies(name: str, value: object) -> list[Tree]:
    """Return the sub-patterns of an element of a parsed pattern."""
    if name == "BRANCH" and isinstance(value, tuple):
        return [list(one) for one in value[1]]
    if name == "SUBPATTERN" and isinstance(value, tuple):
        return [list(value[3])]
    if name in {"ASSERT", "ASSERT_NOT"} and isinstance(value, tuple):
        return [list(value[1])]
    if name == "ATOMIC_GROUP":
        return [_tree(value)]
    if name == "GROUPREF_EXISTS":
        raise Undecidable("the pattern depends on a group")
    return []


def _code(value: object) -> int:
    """Return the number of a character in a parsed pattern."""
    assert isinstance(value, int)
    return value


def _tree(value: object) -> Tree:
    """Return what belongs to an element as the elements it is."""
    assert hasattr(value, "__iter__")
    return list(value)


def _range(value: object) -> tuple[int, int]:
    """Return the first and last character of a range in a parsed pattern."""
    assert isinstance(value, tuple)
    return int(value[0]), int(value[1])


def _loop(value: object) -> tuple[int, int, Tree]:
    """Return (least, most, what is repeated) of a loop in a parsed pattern."""
    assert isinstance(value, tuple)
    return int(value[0]), int(value[1]), list(value[2])


def _sample(tree: Tree, extra: int) -> Iterator[str]:
    for element, value in tree:
        name = str(element)
        if name == "LITERAL":
            yield chr(_code(value))
        elif name == "NOT_LITERAL":
            yield next(char for char in "a0_" if ord(char) != value)
        elif name == "ANY":
            yield "a"
        elif name == "IN":
            yield _member(_tree(value))
        elif name in _REPEATS:
            low, high, body = _loop(value)
            for _ in range(min(low + extra, high, 2_000)):
                yield from _sample(body, extra if extra < 2 else 1)
        elif name == "AT":
            continue
        elif name in {"ASSERT", "ASSERT_NOT"}:
            continue  # the caller checks what comes out
        else:
            bodies = _bodies(name, value)
            if not bodies:
                raise Undecidable(f"no sample for {name}")
            yield from _sample(bodies[0], extra)


_CLASS = {"CATEGORY_DIGIT": "0", "CATEGORY_WORD": "a", "CATEGORY_SPACE": " "}


def _member(options: Tree) -> str:
    """Return a character of a class, a plain one where it has one."""
    negated = bool(options) and str(options[0][0]) == "NEGATE"
    listed = options[1:] if negated else options
    plain = "a0Ab1Z-_.@:/ ~!" if negated else "a0A"
    for char in plain:
        if any(_holds(option, char) for option in listed) != negated:
            return char
    if negated:
        raise Undecidable("no character left")
    name, value = str(listed[0][0]), listed[0][1]
    if name == "RANGE":
        return chr(_range(value)[0])
    return chr(_code(value)) if name == "LITERAL" else _CLASS.get(str(value), "a")


def _holds(option: tuple[object, object], char: str) -> bool:
    name, value = str(option[0]), option[1]
    if name == "LITERAL":
        return ord(char) == value
    if name == "RANGE":
        low, high = _range(value)
        return low <= ord(char) <= high
    category = str(value)
    if category.startswith("CATEGORY_NOT_"):
        return not _holds((option[0], category.replace("NOT_", "")), char)
    tests = {"CATEGORY_DIGIT": char.isdigit(), "CATEGORY_SPACE": char.isspace()}
    return tests.get(category, char.isalnum() or char == "_")
