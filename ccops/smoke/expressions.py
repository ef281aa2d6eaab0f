"""`${...}` in scenario values: Jinja expressions in a sandbox, with the types they evaluate to."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from jinja2 import StrictUndefined, TemplateError, nodes
from jinja2.exceptions import UndefinedError
from jinja2.parser import Parser
from jinja2.runtime import Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ccops.core.errors import UsageError
from ccops.smoke.findings import nearest

MAX_EXPRESSION = 2000
MAX_REPEAT = 100_000
_FILTERS = (
    "abs",
    "first",
    "join",
    "last",
    "length",
    "lower",
    "max",
    "min",
    "replace",
    "sort",
    "sum",
    "trim",
    "upper",
)
_WIDE_METHODS = frozenset({"center", "expandtabs", "format", "format_map", "ljust", "rjust", "zfill"})


class ExpressionError(UsageError):
    """A `${...}` cannot be evaluated; `name` is the undefined name, `nearest` the one probably meant.

    Messages never hold values, since those may be secret.
    """

    def __init__(self, expression: str, reason: str, *, name: str = "", known: tuple[str, ...] = ()) -> None:
        self.name = name
        self.nearest = nearest(name, known) if name else ""
        super().__init__(
            "EXPRESSION_INVALID",
            f"${{{expression}}}: {reason}",
            next_step=f"did you mean {self.nearest}?" if self.nearest else "",
        )


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja without its conveniences: no globals, few filters, and nothing that grows without bound."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, autoescape=False)
        self.globals.clear()
        chosen = {name: self.filters[name] for name in _FILTERS}
        self.filters.clear()
        self.filters.update(chosen, int=_to_int, string=_embedded, json=_compact)

    def getattr(self, obj: object, attribute: str) -> object:
        """Prefer the key of a mapping to its method: `body.items` is the field `items`."""
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def wrap_str_format(self, value: object) -> None:
        """Refuse `format`, which pads to any width; Jinja would hand out a wrapped one."""

    def is_safe_attribute(self, obj: object, attr: str, value: object) -> bool:
        return attr not in _WIDE_METHODS and bool(super().is_safe_attribute(obj, attr, value))

    def call_binop(self, context: object, operator: str, left: object, right: object) -> object:
        if operator == "**":
            raise TypeError("** is not allowed")
        if operator == "%" and not isinstance(left, int | float):
            raise TypeError("% is for numbers")
        sizes = [side for side in (left, right) if isinstance(side, str | list | tuple)]
        if operator == "*" and sizes:
            times = next((side for side in (left, right) if isinstance(side, int)), 0)
            if len(sizes[0]) * times > MAX_REPEAT:
                raise TypeError("the repeated text is too long")
        return super().call_binop(context, operator, left, right)  # type: ignore[arg-type]


def _to_int(value: object) -> int:
    if isinstance(value, int | float | Decimal | str) and not isinstance(value, bool):
        return int(value)
    raise TypeError("int needs a number or a text of digits")


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _embedded(value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        raise TypeError("null inside a text")
    if isinstance(value, bool | dict | list | tuple):
        return _compact(value)
    return str(value)


_SANDBOX = _Sandbox()


@dataclass(frozen=True, slots=True)
class _Compiled:
    run: Callable[[Mapping[str, object]], object]
    names: frozenset[str]


@functools.lru_cache(maxsize=4096)
def _compile(expression: str) -> _Compiled:
    if len(expression) > MAX_EXPRESSION:
        raise ExpressionError(expression[:20] + "...", f"longer than {MAX_EXPRESSION} characters")
    if not expression.strip():
        raise ExpressionError(expression, "nothing between the braces")
    try:
        parser = Parser(_SANDBOX, expression, state="variable")
        tree = parser.parse_expression()
        run = _SANDBOX.compile_expression(expression, undefined_to_none=False)
    except TemplateError as err:
        raise ExpressionError(expression, str(err.message or "not an expression").splitlines()[0]) from err
    except (
        ArithmeticError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
        SyntaxError,
        MemoryError,
    ) as err:
        # Jinja folds constants while it compiles, so 1/0 fails here already.
        raise ExpressionError(expression, f"cannot be compiled: {type(err).__name__}") from err
    names = frozenset(
        node.name for node in [tree, *tree.find_all(nodes.Name)] if isinstance(node, nodes.Name)
    )
    return _Compiled(run, names)


def evaluate(expression: str, scope: Mapping[str, object]) -> object:
    """Return the value of `expression` (written without `${ }`) in `scope`."""
    compiled = _compile(expression)
    for name in sorted(compiled.names - scope.keys()):
        raise ExpressionError(expression, f"{name} is not defined", name=name, known=tuple(scope))
    try:
        value = compiled.run(scope)
    except UndefinedError as err:
        raise ExpressionError(expression, str(err.message or "undefined")) from err
    except TypeError as err:  # the text of a TypeError names types, never values
        raise ExpressionError(expression, str(err)) from err
    except (TemplateError, ArithmeticError, LookupError, RecursionError, ValueError, AttributeError) as err:
        raise ExpressionError(expression, type(err).__name__) from err
    if isinstance(value, Undefined):
        raise ExpressionError(expression, "names a field that is not there")
    return value


def split(text: str) -> list[tuple[bool, str]]:
    """Return the pieces of `text`: (True, expression) and (False, literal), with `$${` as a literal `${`."""
    pieces: list[tuple[bool, str]] = []
    literal, index = "", 0
    while (start := text.find("${", index)) >= 0:
        if start > index and text[start - 1] == "$":
            literal += text[index : start - 1] + "${"
            index = start + 2
            continue
        literal += text[index:start]
        end = _closing(text, start + 2)
        if end < 0:
            raise ExpressionError(text[start + 2 : start + 42], "the closing } is missing")
        if literal:
            pieces.append((False, literal))
        pieces.append((True, text[start + 2 : end]))
        literal, index = "", end + 1
    literal += text[index:]
    return [*pieces, (False, literal)] if literal or not pieces else pieces


def _closing(text: str, index: int) -> int:
    """Return the index of the brace that closes the expression: not one in quotes or of an inner {...}."""
    depth, quote = 0, ""
    while index < len(text):
        char = text[index]
        if quote:
            if char == "\\":
                index += 1
            elif char == quote:
                quote = ""
        elif char in "'\"":
            quote = char
        elif char == "{":
            depth += 1
        elif char == "}":
            if depth == 0:
                return index
            depth -= 1
        index += 1
    return -1


def render_text(text: str, scope: Mapping[str, object]) -> object:
    """Return `text` evaluated; a whole-string `${x}` keeps the type of x."""
    if "${" not in text:
        return text
    pieces = split(text)
    if len(pieces) == 1 and pieces[0][0]:
        return evaluate(pieces[0][1], scope)
    return "".join(_embed(piece, scope) if is_code else piece for is_code, piece in pieces)


def _embed(expression: str, scope: Mapping[str, object]) -> str:
    try:
        return _embedded(evaluate(expression, scope))
    except TypeError as err:
        raise ExpressionError(expression, str(err)) from err


def render(value: object, scope: Mapping[str, object]) -> object:
    """Return a deep copy of `value` with every `${...}` evaluated, keys included."""
    if isinstance(value, str):
        return render_text(value, scope)
    if isinstance(value, Mapping):
        return {_key(key, scope): render(item, scope) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [render(item, scope) for item in value]
    return value


def _key(key: object, scope: Mapping[str, object]) -> str:
    return _embedded(render_text(str(key), scope))


def names_in(value: object) -> set[str]:
    """Return the free names of every `${...}` in `value`. Raises ExpressionError for bad syntax."""
    return {name for expression in expressions_in(value) for name in _compile(expression).names}


def expressions_in(value: object) -> Iterator[str]:
    """Yield every expression in `value`, deep, without its braces."""
    if isinstance(value, str):
        if "${" in value:
            yield from (piece for is_code, piece in split(value) if is_code)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from expressions_in(key)
            yield from expressions_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from expressions_in(item)
