"""One parameter or response header as a document describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ccops.contract.load import step
from ccops.contract.match import Operation
from ccops.contract.normalise import Source, Sub

_ASIDE = frozenset({"accept", "content-type", "authorization"})  # the standard says these are ignored
_STYLES = {"query": "form", "path": "simple", "header": "simple", "cookie": "form"}


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """One parameter. The `key` of one in the path is its place, so that its name does not matter."""

    key: str
    name: str
    place: str
    raw: Mapping[str, object]
    at: str
    required: bool

    @property
    def schema(self) -> Sub:
        """Return its schema; with `content` that of its one media type."""
        content = self.raw.get("content")
        if isinstance(content, Mapping) and content:
            kind = sorted(content)[0]
            held = content[kind]
            if isinstance(held, Mapping):
                return Sub(held.get("schema", True), f"{step(step(self.at, 'content'), kind)}/schema")
        return Sub(self.raw.get("schema", True), step(self.at, "schema"))

    @property
    def wire(self) -> bool:
        """Return whether its value travels as plain text."""
        return "content" not in self.raw

    @property
    def style(self) -> tuple[str, bool]:
        """Return (style, explode) as they hold."""
        style = str(self.raw.get("style", _STYLES.get(self.place, "form")))
        return style, bool(self.raw.get("explode", style == "form"))

    @property
    def spelling(self) -> list[object]:
        """Return how its value becomes text: style and explode, or the media type of its content."""
        content = self.raw.get("content")
        return (
            list(self.style)
            if self.wire
            else [", ".join(sorted(content))]
            if isinstance(content, Mapping)
            else []
        )


def listed(source: Source, operation: Operation) -> dict[tuple[str, str], Parameter]:
    """Return the parameters of an operation and its path, the operation's own winning."""
    found: dict[tuple[str, str], Parameter] = {}
    slots = operation.slots
    for holder, at in ((operation.item, operation.item_at), (operation.raw, operation.at)):
        held = holder.get("parameters", [])
        if not isinstance(held, list):
            raise source.wrong(step(at, "parameters"), "an array is expected")
        for index, one in enumerate(held):
            raw, place = source.follow(one, step(step(at, "parameters"), index))
            if not isinstance(raw, Mapping) or not isinstance(raw.get("name"), str):
                raise source.wrong(place, "a parameter with a name is expected")
            name, where = str(raw["name"]), str(raw.get("in", "query"))
            if where == "header" and name.lower() in _ASIDE:
                continue
            key = name.lower() if where == "header" else name
            if where == "path" and name in slots:
                key = f"{{{slots.index(name)}}}"
            must = raw.get("required") is True
            found[where, key] = Parameter(key, name, where, raw, place, must)
    return found
