"""Patterns, formats and encodings: what a text, or the text of a number, must look like."""

from __future__ import annotations

from ccops.contract.changes import Place, numeric
from ccops.contract.formats import IGNORED, INT32, TEXT
from ccops.contract.normalise import NUMBERS
from ccops.contract.relate import Node


def texts(node: Node) -> None:
    """Note patterns, formats and encodings."""
    if "string" in node.common:
        _patterns(node)
        for key, kind in (
            ("contentEncoding", "content-encoding"),
            ("contentMediaType", "content-media-type"),
        ):
            old, new = node.both(key)
            if old != new:
                action = "added" if old is None else "removed" if new is None else "changed"
                node.emit(
                    kind,
                    action,
                    old,
                    new,
                    Place(key, key),
                    open_=True,
                    reason="what is inside the text is no matter of its value set",
                )
    _formats(node)


def _patterns(node: Node) -> None:
    old, new = node.both("patterns")
    if old == new:
        return
    sub, sup = (old, new) if node.relation.request else (new, old)
    implied = not sup or (isinstance(sub, frozenset) and isinstance(sup, frozenset) and sup <= sub)
    action = "added" if not old else "removed" if not new else "changed"
    node.emit(
        "pattern",
        action,
        _text(old),
        _text(new),
        Place("patterns", "pattern"),
        open_=not implied,
        blame="pattern enum const format",
    )


def _text(patterns: object) -> object:
    listed = sorted(patterns) if isinstance(patterns, frozenset) else []
    return listed[0] if len(listed) == 1 else listed or None


def _formats(node: Node) -> None:
    old, new = (None if one in IGNORED else one for one in node.both("format"))
    if old == new or not ("string" in node.common or numeric(node.common)):
        return
    sup = new if node.relation.request else old
    action = "added" if old is None else "removed" if new is None else "changed"
    reason = (
        ""
        if sup is None or sup in TEXT or sup == "int32"
        else f"the format {sup!s:.40} can't be checked here"
    )
    node.emit(
        "format",
        action,
        old,
        new,
        Place("format", "format"),
        open_=sup is not None and not _ranged(node, sup),
        reason=reason,
        blame="format enum const",
    )


def _ranged(node: Node, wanted: object) -> bool:
    """Return whether the writer's bounds keep its integers within 32 bits."""
    low, high = node.sub.keys.get("low"), node.sub.keys.get("high")
    if wanted != "int32" or not isinstance(low, tuple) or not isinstance(high, tuple):
        return False
    return bool(low[0] >= INT32[0] and high[0] <= INT32[1] and not node.sub.types & (NUMBERS - {"integer"}))
