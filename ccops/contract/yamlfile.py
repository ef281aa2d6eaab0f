"""Read YAML as what JSON could say, within the limits of load.py."""

from __future__ import annotations

import re

from ccops.contract.load import MAX_DEPTH, MAX_NODES, bad

_MERGE = "tag:yaml.org,2002:merge"
_LEAD = re.compile(r"^[ \t?:-]+", re.MULTILINE)


def parse_yaml(text: str, name: str) -> object:
    """Parse YAML. Raises UsageError for what can't be read, nests too deep, or holds a key twice."""
    import yaml

    try:
        _shallow(text, name)
        return yaml.load(text, Loader=_loader())  # noqa: S506 - a SafeLoader below
    except _TooMany:
        raise bad("CONTRACT_TOO_BIG", name, "", f"`<<` brings more than {MAX_NODES:,} nodes") from None
    except _KeyTwice as error:
        raise bad("CONTRACT_DUPLICATE_KEY", name, "", str(error)) from None
    except yaml.MarkedYAMLError as error:
        at = f" at line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise bad("CONTRACT_UNREADABLE", name, "", f"not YAML: {error.problem}{at}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise bad("CONTRACT_UNREADABLE", name, "", f"not YAML: {error!s:.120}") from None


def _shallow(text: str, name: str) -> None:
    """Refuse YAML that nests too deep: the C loader would end the whole process on it.

    Brackets and what stands before the first word of a line bound the depth; events are counted only beyond.
    """
    import yaml

    brackets = text.count("[") + text.count("{")
    if brackets < MAX_DEPTH and max((len(one) for one in _LEAD.findall(text)), default=0) < MAX_DEPTH:
        return
    depth = 0
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            line = event.start_mark.line + 1 if event.start_mark else 0
            what = f"nested deeper than {MAX_DEPTH} at line {line}"
            raise bad("CONTRACT_TOO_DEEP", name, "", what)


class _TooMany(Exception):
    """`<<` multiplies beyond the limit."""


class _KeyTwice(Exception):
    """A YAML mapping holds a key twice."""


def _loader() -> type:
    """Return a safe YAML loader that reads what JSON could say: no dates, no yes/no, text keys, each once."""
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML reads a plain attribute
            first: [
                (tag, regexp)
                for tag, regexp in resolvers
                if not tag.endswith((":timestamp", ":bool", ":value"))
            ]
            for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }
        merges = 0

        def flatten_mapping(self, node: yaml.MappingNode) -> None:
            """Put what `<<` names behind a mapping's own keys, each key once: PyYAML's own way multiplies."""
            named = [value for key, value in node.value if key.tag == _MERGE]
            if not named:
                return
            own = [pair for pair in node.value if pair[0].tag != _MERGE]
            node.value = own  # first: a mapping may name itself
            added: dict[object, tuple[yaml.Node, yaml.Node]] = {}
            for one in named:
                for part in one.value if isinstance(one, yaml.SequenceNode) else [one]:
                    if not isinstance(part, yaml.MappingNode):
                        raise yaml.constructor.ConstructorError(
                            None, None, "`<<` names no mapping", part.start_mark
                        )
                    self.flatten_mapping(part)
                    self.merges += len(part.value) + 1
                    if self.merges > MAX_NODES:
                        raise _TooMany
                    for key, value in part.value:
                        added.setdefault(str(key.value), (key, value))
            known = {str(key.value) for key, _ in own}
            node.value = [*own, *(pair for name, pair in added.items() if name not in known)]

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
            self.flatten_mapping(node)
            found: dict[object, object] = {}
            for key_node, value_node in node.value:
                if not isinstance(key_node, yaml.ScalarNode):
                    raise yaml.constructor.ConstructorError(
                        None, None, "a key that is no text", key_node.start_mark
                    )
                key = str(key_node.value)
                if key in found:
                    line = key_node.start_mark.line + 1
                    raise _KeyTwice(f"the key {key:.80} is there twice, again at line {line}")
                found[key] = self.construct_object(value_node, deep=deep)
            return found

    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
    )
    return Loader
