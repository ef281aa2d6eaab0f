"""Groups and rules as they stand in a file: every part knows its place."""

from __future__ import annotations

from dataclasses import dataclass, field

from ccops.core.yamltree import Node, Scalar
from ccops.rules.promql import Expr


@dataclass(slots=True)
class Rule:
    """One alert or recording. Times are in seconds; `expr` is None when it did not parse."""

    node: Node
    alert: bool
    name: Scalar
    text: Scalar | None = None
    hold_s: float = 0.0
    keep_s: float = 0.0
    hold: Scalar | None = None
    keep: Scalar | None = None
    labels: dict[str, Scalar] = field(default_factory=dict)
    annotations: dict[str, Scalar] = field(default_factory=dict)
    expr: Expr | None = None


@dataclass(slots=True)
class Group:
    """One group."""

    name: Scalar
    interval_s: float = 0.0
    rules: list[Rule] = field(default_factory=list)
