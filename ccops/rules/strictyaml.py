"""YAML without surprises: scalars stay the text that was written, and a key stands once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yaml import Node


class StrictYamlError(ValueError):
    """The text is no YAML we read; the message has line and column."""


def load_texts(text: str) -> object:
    """Return dicts, lists and strings; nothing is turned into a number, a date or a boolean.

    Raises StrictYamlError for bad syntax, a second document, a merge key, a key that is no text or
    that is there twice.
    """
    import yaml

    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)(text)
    try:
        node = loader.get_single_node()
    except yaml.YAMLError as error:
        raise StrictYamlError(" ".join(str(error).split())) from None
    finally:
        loader.dispose()
    return None if node is None else _plain(node, set())


def _plain(node: Node, above: set[int]) -> object:
    import yaml

    if id(node) in above:  # an anchor that holds itself
        raise StrictYamlError(f"{_at(node)}: an alias to what it stands in")
    inside = above | {id(node)}
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, inside)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, inside) for item in node.value]
    return node.value


def _mapping(node: Node, inside: set[int]) -> dict[str, object]:
    import yaml

    found: dict[str, object] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.value == "<<":
            raise StrictYamlError(f"{_at(key)}: a key is a plain word")
        if key.value in found:
            raise StrictYamlError(f"{_at(key)}: {key.value} stands here a second time")
        found[key.value] = _plain(value, inside)
    return found


def _at(node: Node) -> str:
    return f"line {node.start_mark.line + 1}, column {node.start_mark.column + 1}"
