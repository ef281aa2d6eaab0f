"""Whether a value is valid, by jsonschema over the raw document. What is refuted rests on this module.

OpenAPI 3.0's differences are spelled as jsonschema keywords; references stay inside the document; patterns
are guarded and every keyword looks at a budget of processor time: no document can make a check hang.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from ccops.contract.formats import checker
from ccops.contract.normalise import Source, Sub
from ccops.contract.patterns import Undecidable, search

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

Keyword = Callable[..., Iterable["ValidationError"] | None]
_CONFUSED = (TypeError, AttributeError, KeyError, ValueError, IndexError, RecursionError, ArithmeticError)


class OutOfTime(Exception):
    """The budget of one finding is used up."""


class Budget:
    """Processor time for one finding. It is thread time, so a busy machine does not change verdicts."""

    def __init__(self, ms: float) -> None:
        self.ends = time.thread_time() + ms / 1000

    def check(self) -> None:
        """Raise OutOfTime when it is used up."""
        if time.thread_time() > self.ends:
            raise OutOfTime


class Oracle:
    """Validates values against raw schemas of one document, read in one direction."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.budget = Budget(0)
        self._old = source.document.kind == "openapi" and source.document.version == (3, 0)

    def warm(self) -> None:
        """Load jsonschema, outside any budget."""
        self._validator(True).is_valid(None)

    def valid(self, schema: object, value: object, budget: Budget) -> bool:
        """Return whether `value` is valid. Raises Undecidable or OutOfTime."""
        return next(self._run(schema, value, budget), None) is None

    def blames(self, schema: object, value: object, keywords: frozenset[str], budget: Budget) -> bool:
        """Return whether `value` is invalid, and one of `keywords` says so."""
        return any(_names(error, keywords) for error in self._run(schema, value, budget))

    def _run(self, schema: object, value: object, budget: Budget) -> Iterator[ValidationError]:
        self.budget = budget
        try:
            yield from self._validator(schema).iter_errors(value)
        except _CONFUSED as error:
            raise Undecidable(f"the validator gave up on this schema ({type(error).__name__})") from None

    def _validator(self, schema: object) -> Validator:
        return self._class(schema, format_checker=checker())

    @cached_property
    def _class(self) -> Callable[..., Validator]:
        from jsonschema import Draft202012Validator, validators

        stock: dict[str, Keyword] = dict(Draft202012Validator.VALIDATORS)
        stock |= {
            "$ref": self._ref,
            "pattern": _pattern,
            "patternProperties": _pattern_properties,
            "additionalProperties": self._additional(stock["additionalProperties"]),
            "properties": self._properties(stock["properties"]),
            "required": self._required(stock["required"]),
            "minimum": _bound(
                "minimum", "exclusiveMinimum", lambda value, edge: value < edge, lambda v, e: v == e
            ),
            "maximum": _bound(
                "maximum", "exclusiveMaximum", lambda value, edge: value > edge, lambda v, e: v == e
            ),
            "exclusiveMinimum": _numeric(stock["exclusiveMinimum"]),
            "exclusiveMaximum": _numeric(stock["exclusiveMaximum"]),
            "unevaluatedProperties": self._unevaluated(stock["unevaluatedProperties"]),
            "unevaluatedItems": self._unevaluated(stock["unevaluatedItems"]),
        }
        return validators.create(  # type: ignore[no-any-return]
            meta_schema={},
            validators={name: self._guarded(keyword) for name, keyword in stock.items()},
            type_checker=Draft202012Validator.TYPE_CHECKER,
            applicable_validators=self._applicable,
            id_of=lambda schema: "",
        )

    def _applicable(self, schema: Mapping[str, object]) -> Iterable[tuple[str, object]]:
        if self._old and "$ref" in schema:
            return [("$ref", schema["$ref"])]
        return schema.items()

    def _guarded(self, keyword: Keyword) -> Keyword:
        def run(
            validator: Validator, value: object, instance: object, schema: Mapping[str, object]
        ) -> Iterator[ValidationError]:
            self.budget.check()
            if instance is None and schema.get("nullable") is True:
                return
            yield from keyword(validator, value, instance, schema) or ()

        return run

    def _ref(
        self, validator: Validator, ref: object, instance: object, schema: object
    ) -> Iterator[ValidationError]:
        del schema
        yield from validator.descend(instance, self.source.target(ref, "")[0])

    def _hidden(self, schema: Mapping[str, object]) -> set[str]:
        held = schema.get("properties")
        return (
            {name for name, raw in held.items() if self.source.hides(Sub(raw, ""))}
            if isinstance(held, Mapping)
            else set()
        )

    def _properties(self, stock: Keyword) -> Keyword:
        def run(
            validator: Validator, held: Mapping[str, object], instance: object, schema: Mapping[str, object]
        ) -> object:
            if not isinstance(instance, Mapping):
                return ()
            hidden = self._hidden(
                {"properties": {name: held[name] for name in held.keys() & instance.keys()}}
            )
            seen = {name: raw for name, raw in held.items() if name in instance and name not in hidden}
            return stock(validator, seen, instance, schema)

        return run  # type: ignore[return-value]

    def _required(self, stock: Keyword) -> Keyword:
        def run(
            validator: Validator, names: object, instance: object, schema: Mapping[str, object]
        ) -> object:
            if not isinstance(names, list) or not isinstance(instance, Mapping):
                return ()
            missing = [name for name in names if name not in instance]
            hidden = self._hidden(schema) if missing else set()
            return stock(validator, [name for name in missing if name not in hidden], instance, schema)

        return run  # type: ignore[return-value]

    def _additional(self, stock: Keyword) -> Keyword:
        def run(validator: Validator, rest: object, instance: object, schema: Mapping[str, object]) -> object:
            patterns = schema.get("patternProperties")
            if not isinstance(patterns, Mapping) or not isinstance(instance, Mapping):
                return stock(validator, rest, instance, schema)
            left = {
                name: value
                for name, value in instance.items()
                if not any(search(one, name) for one in patterns)
            }
            return stock(validator, rest, left, {"properties": schema.get("properties", {})})

        return run  # type: ignore[return-value]

    def _unevaluated(self, stock: Keyword) -> Keyword:
        def run(validator: Validator, rest: object, instance: object, schema: Mapping[str, object]) -> object:
            return stock(validator, rest, instance, self._opened(schema, 0))

        return run  # type: ignore[return-value]

    def _opened(self, schema: object, depth: int) -> object:
        """Return `schema` with the references in place written out: stock code looks for them elsewhere."""
        if not isinstance(schema, Mapping):
            return schema
        if depth > 8 or "patternProperties" in schema or "$dynamicRef" in schema:
            raise Undecidable("what is left unevaluated can't be followed here")
        found = dict(schema)
        for name in ("allOf", "anyOf", "oneOf"):
            if isinstance(held := found.get(name), list):
                found[name] = [self._opened(one, depth + 1) for one in held]
        for name in ("if", "then", "else"):
            if name in found:
                found[name] = self._opened(found[name], depth + 1)
        if "$ref" in found:
            target = self._opened(self.source.target(found.pop("$ref"), "")[0], depth + 1)
            found["allOf"] = [*found.get("allOf", []), target]
        return found


def _names(error: ValidationError, keywords: frozenset[str]) -> bool:
    # `false` refuses everything and is no keyword: it has no name to give.
    return (
        error.validator in keywords
        or error.validator is None
        or any(_names(inner, keywords) for inner in error.context or ())
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _bound(name: str, flag: str, beyond: Callable[..., bool], on: Callable[..., bool]) -> Keyword:
    def run(
        validator: Validator, edge: object, instance: object, schema: Mapping[str, object]
    ) -> Iterator[ValidationError]:
        from jsonschema.exceptions import ValidationError

        del validator
        if _is_number(instance) and (
            beyond(instance, edge) or (schema.get(flag) is True and on(instance, edge))
        ):
            yield ValidationError(f"{instance} breaks {name} {edge}")

    return run


def _numeric(stock: Keyword) -> Keyword:
    def run(validator: Validator, edge: object, instance: object, schema: object) -> object:
        return stock(validator, edge, instance, schema) if _is_number(edge) else ()

    return run  # type: ignore[return-value]


def _pattern(
    validator: Validator, pattern: str, instance: object, schema: object
) -> Iterator[ValidationError]:
    from jsonschema.exceptions import ValidationError

    del validator, schema
    if isinstance(instance, str) and not search(pattern, instance):
        yield ValidationError(f"does not match {pattern:.200}")


def _pattern_properties(
    validator: Validator, patterns: Mapping[str, object], instance: object, schema: object
) -> Iterator[ValidationError]:
    del schema
    if not isinstance(instance, Mapping):
        return
    for pattern, inner in patterns.items():
        for name, value in instance.items():
            if search(pattern, name):
                yield from validator.descend(value, inner, path=name, schema_path=pattern)
