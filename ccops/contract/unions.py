"""Fold alternatives that are none: null, single branches, enumerations, branches of different types."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ccops.contract.joining import close, merge
from ccops.contract.keywords import tidy, unique
from ccops.contract.normalise import ALL_TYPES, Schema, Sub, Union, frozen

if TYPE_CHECKING:
    from ccops.contract.normalise import Source

_LOOKS_ACROSS = ("not", "if", "then", "else", "union", "dynamic")


def nullable(source: Source, schema: Schema) -> Schema:
    """Return `schema` with null allowed beside what it allows (OpenAPI 3.0's `nullable: true`).

    The standard gives it an effect only beside `type`; people and generators mean it everywhere.
    """
    if not schema.extras and not any(name in schema.keys for name in _LOOKS_ACROSS):
        keys = dict(schema.keys)
        if isinstance(keys.get("enum"), list):
            keys["enum"] = unique([*keys["enum"], None])  # type: ignore[misc]
        return replace(schema, types=schema.types | {"null"}, keys=keys)
    raw = schema.raw
    assert isinstance(raw, dict)
    rest = Sub({key: value for key, value in raw.items() if key != "nullable"}, schema.at)
    source.keep(rest.raw, schema.at)
    union = schema.keys.get("union")
    null = Sub(source.keep({"type": "null"}, schema.at), schema.at)
    if isinstance(union, Union) and len(schema.keys) == 1 and schema.types == ALL_TYPES and not schema.extras:
        wider = union._replace(branches=(*union.branches, null))
    else:
        wider = Union((rest, null), False, schema.at, "anyOf")
    return Schema(raw, schema.at, ALL_TYPES, {"union": wider}, {"union": schema.at}, (), schema.name)


def fold(source: Source, schema: Schema) -> Schema:
    """Return `schema` with its union gone where it can be said without one, else in its finest form."""
    union = schema.keys.get("union")
    if not isinstance(union, Union):
        return schema
    branches = _flat(source, union)
    joined = _as_one([source.schema(one) for one in branches], exact=union.exact)
    if joined is not None:
        keys = {name: value for name, value in schema.keys.items() if name != "union"}
        base = replace(schema, keys=keys)
        result = merge(source, base, joined)
        result = replace(
            result, raw=schema.raw, at=schema.at, keys=dict(result.keys), name=schema.name or joined.name
        )
        close(source, result)
        return result
    split = tuple(part for one in branches for part in _by_type(source, one))
    keys = {**schema.keys, "union": union._replace(branches=split)}
    return replace(schema, keys=keys)


def _flat(source: Source, union: Union) -> list[Sub]:
    """Return the branches: unions in unions opened, impossible and repeated ones dropped."""
    result: list[Sub] = []
    seen: set[str] = set()
    for sub in union.branches:
        schema = source.schema(sub)
        inner = schema.keys.get("union")
        pure = len(schema.keys) == 1 and schema.types == ALL_TYPES and not schema.extras
        if isinstance(inner, Union) and pure and not union.exact and not inner.exact:
            result += inner.branches
        elif schema.types and (union.exact or (mark := frozen(sub.raw)) not in seen):
            if not union.exact:
                seen.add(mark)
            result.append(sub)
    return result


def _as_one(branches: list[Schema], *, exact: bool) -> Schema | None:
    """Return one schema that says what all `branches` say, or None."""
    if not branches:
        return Schema(False, "", frozenset())
    joined = branches[0]
    for branch in branches[1:]:
        more = _two_as_one(joined, branch, exact=exact)
        if more is None:
            return None
        joined = more
    return joined


def _two_as_one(one: Schema, two: Schema, *, exact: bool) -> Schema | None:
    if any(side.extras or any(name in side.keys for name in _LOOKS_ACROSS) for side in (one, two)):
        return None
    values = [_finite(side) for side in (one, two)]
    if "enum" in one.keys or "enum" in two.keys:
        if (
            values[0] is None
            or values[1] is None
            or any(len(side.keys) > ("enum" in side.keys) for side in (one, two))
        ):
            return None
        if exact and {frozen(each) for each in values[0]} & {frozen(each) for each in values[1]}:
            return None
        every = unique(values[0] + values[1])
        return replace(
            one, types=tidy(one.types | two.types), keys={"enum": every}, places={**two.places, **one.places}
        )
    numeric = {"integer", "number"}
    if one.types & two.types or (one.types & numeric and two.types & numeric):
        return None
    if one.keys.keys() & two.keys.keys():  # only `format` can be in both
        return None
    return replace(
        one, types=one.types | two.types, keys={**one.keys, **two.keys}, places={**two.places, **one.places},
        name=one.name if one.types != {"null"} else two.name,
    )  # fmt: skip


def _finite(schema: Schema) -> list[object] | None:
    """Return every value of a schema that has few, else None."""
    values = schema.keys.get("enum")
    if isinstance(values, list):
        return values
    if schema.types <= {"null", "boolean"}:
        return [
            value
            for kind, held in (("null", [None]), ("boolean", [True, False]))
            if kind in schema.types
            for value in held
        ]
    return None


def _by_type(source: Source, sub: Sub) -> tuple[Sub, ...]:
    """Return a plain branch of several types as one branch a type."""
    schema = source.schema(sub)
    if len(schema.types) < 2 or schema.types == ALL_TYPES or not schema.plain:
        return (sub,)
    return tuple(
        source.both((sub, Sub(source.keep({"type": kind}, sub.at), sub.at))) for kind in sorted(schema.types)
    )
