"""YAML without surprises: scalars stay the text that was written, and a key stands once."""

from __future__ import annotations

from ccops.core.yamltree import Mapping, Node, Scalar, compose


class StrictYamlError(ValueError):
    """The text is no YAML we read; the message has line and column."""


def load_texts(text: str) -> object:
    """Return dicts, lists and strings; nothing is turned into a number, a date or a boolean.

    Raises StrictYamlError for bad syntax, a second document, a merge key, a key that is no text or
    that is there twice, and for what nests or unfolds without end.
    """
    root, flaws = compose(text)
    if flaws:
        first = flaws[0]
        raise StrictYamlError(f"line {first.line}, column {first.column}: {first.message}")
    return None if root is None else _plain(root, {})


def _plain(node: Node, known: dict[int, object]) -> object:
    """Return a node as plain objects; what an alias names again is the same object again."""
    if isinstance(node, Scalar):
        return node.text
    if id(node) not in known:
        known[id(node)] = (
            {name: _plain(one, known) for name, one in node.values.items()}
            if isinstance(node, Mapping)
            else [_plain(one, known) for one in node.items]
        )
    return known[id(node)]
