"""The nodes of a YAML tree: texts with their places."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TYPED = re.compile(
    r"(?:[yYnN]|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF|true|True|TRUE|false|False|FALSE"
    r"|[-+]?(?:0[xX][0-9a-fA-F_]+|0[ob]?[0-9_]+|[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?|\.[0-9]+)"
    r"|[-+]?[0-9]+(?::[0-5]?[0-9])+|[-+]?\.(?:inf|Inf|INF)|\.nan|\.NaN|\.NAN)"
)


@dataclass(slots=True)
class Scalar:
    """A text. `plain` without quotes and without a tag; `block` for `|` and `>`. Lines count from 1."""

    text: str
    line: int
    column: int
    last_line: int
    plain: bool
    block: bool

    @property
    def null(self) -> bool:
        """Return whether YAML reads it as nothing."""
        return self.plain and self.text in _NULLS

    @property
    def typed(self) -> bool:
        """Return whether some YAML reader takes it for a number or a boolean."""
        return self.plain and _TYPED.fullmatch(self.text) is not None


@dataclass(slots=True)
class Sequence:
    """A list."""

    line: int
    column: int
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Mapping:
    """A mapping: `keys` has the place of each key, `values` what stands below it."""

    line: int
    column: int
    keys: dict[str, Scalar] = field(default_factory=dict)
    values: dict[str, Node] = field(default_factory=dict)


Node = Scalar | Sequence | Mapping


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a text as YAML: `kind` is syntax, depth, size, key_twice, second_document, ...

    context  of bad syntax: what the reader was about, "while parsing a flow mapping"
    """

    kind: str
    message: str
    line: int
    column: int = 1
    context: str = ""
