"""What a value is: the names of types, and the signs that stand for a kind of value."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from ccops.smoke.values import Missing, is_number

TYPES: Final[Mapping[str, Callable[[object], bool]]] = {
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": lambda value: isinstance(value, float),
    "number": is_number,
    "str": lambda value: isinstance(value, str),
    "string": lambda value: isinstance(value, str),
    "bool": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "object": lambda value: isinstance(value, Mapping),
    "array": lambda value: isinstance(value, list | tuple),
}


def type_names(operand: object) -> list[str]:
    """Return the operand of `type` as names (YAML's null is "null"); empty when it names no types."""
    items = operand if isinstance(operand, list | tuple) else [operand]
    names = ["null" if item is None else item for item in items]
    known = [name for name in names if isinstance(name, str) and name in TYPES]
    return known if len(known) == len(names) else []


def _is_uuid(value: object) -> bool:
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value.lower()
    except ValueError:
        return False


def _is_iso8601(value: object) -> bool:
    try:
        return isinstance(value, str) and len(value) >= 16 and datetime.fromisoformat(value) is not None
    except ValueError:
        return False


SIGNS: Final[Mapping[str, Callable[[object], bool]]] = {
    "$any": lambda value: value is not None and not isinstance(value, Missing),
    "$absent": lambda value: isinstance(value, Missing),
    "$uuid": _is_uuid,
    "$iso8601": _is_iso8601,
}
