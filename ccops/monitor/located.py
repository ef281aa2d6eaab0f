"""JSON that remembers the line of each value, and refuses a key that is there twice."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from json.decoder import scanstring  # type: ignore[attr-defined]

Path = tuple[str | int, ...]

_BLANK = re.compile(r"[ \t\r\n]*")
_ATOM = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")
_MOST_NESTED = 100


class JsonError(ValueError):
    """The text is no JSON; `line` says where, from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed document and the line that each value begins on, by its path."""

    value: object
    lines: Mapping[Path, int]

    def line(self, path: Path) -> int:
        """Return the line of the value at `path`, or of the nearest one around it that is there."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def parse(text: str) -> Document:
    """Return the document. Raises JsonError."""
    reader = _Reader(text)
    value, place = reader.value(0, ())
    place = reader.blank(place)
    if place != len(text):
        raise reader.error("something follows the document", place)
    return Document(value, reader.lines)


@dataclass(slots=True)
class _Reader:
    text: str
    lines: dict[Path, int] = field(default_factory=dict)
    _starts: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._starts = [0, *(found.end() for found in re.finditer("\n", self.text))]

    def error(self, said: str, place: int) -> JsonError:
        return JsonError(said, bisect_right(self._starts, place))

    def blank(self, place: int) -> int:
        found = _BLANK.match(self.text, place)
        return found.end() if found else place

    def value(self, place: int, path: Path) -> tuple[object, int]:
        place = self.blank(place)
        self.lines[path] = bisect_right(self._starts, place)
        if len(path) > _MOST_NESTED:
            raise self.error(f"nested more than {_MOST_NESTED} deep", place)
        sign = self.text[place : place + 1]
        if sign == "{":
            return self._object(place + 1, path)
        if sign == "[":
            return self._array(place + 1, path)
        if sign == '"':
            return self._string(place)
        found = _ATOM.match(self.text, place)
        if found is None:
            raise self.error(f"a value was expected, not {self.text[place : place + 20]!r}", place)
        return json.loads(found[0]), found.end()

    def _string(self, place: int) -> tuple[str, int]:
        try:
            text, end = scanstring(self.text, place + 1, True)
        except json.JSONDecodeError as error:
            raise self.error(error.msg, error.pos) from None
        return str(text), int(end)

    def _object(self, place: int, path: Path) -> tuple[object, int]:
        made: dict[str, object] = {}
        place = self.blank(place)
        while self.text[place : place + 1] != "}":
            if self.text[place : place + 1] != '"':
                raise self.error("a key was expected", place)
            key, end = self._string(place)
            if key in made:
                raise self.error(f"{key!r} is there twice", place)
            end = self.blank(end)
            if self.text[end : end + 1] != ":":
                raise self.error(f"a colon was expected after {key!r}", end)
            made[key], end = self.value(end + 1, (*path, key))
            place = self._next(end, "}", '"')
        return made, place + 1

    def _array(self, place: int, path: Path) -> tuple[object, int]:
        made: list[object] = []
        place = self.blank(place)
        while self.text[place : place + 1] != "]":
            item, end = self.value(place, (*path, len(made)))
            made.append(item)
            place = self._next(end, "]", "")
        return made, place + 1

    def _next(self, place: int, closes: str, opens: str) -> int:
        """Return where the next item or the end is; a comma before the end is refused."""
        place = self.blank(place)
        sign = self.text[place : place + 1]
        if sign == closes:
            return place
        if sign != ",":
            raise self.error(f"a comma or {closes!r} was expected", place)
        after = self.blank(place + 1)
        if self.text[after : after + 1] == closes or (opens and self.text[after : after + 1] != opens):
            raise self.error("an item was expected after the comma", after)
        return after
