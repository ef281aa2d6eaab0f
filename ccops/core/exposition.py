"""Prometheus' text format (version 0.0.4): samples with their labels, and the declared types."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_LINE = re.compile(
    r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)[ \t]*(?:\{(?P<labels>.*)\})?"
    r"[ \t]+(?P<value>\S+)(?:[ \t]+-?\d+)?[ \t]*"
)
_LABEL = re.compile(r'\s*(?P<name>[a-zA-Z_][a-zA-Z0-9_]*)="(?P<value>(?:[^"\\]|\\.)*)"\s*(?:,|$)')
_TYPE = re.compile(r"#\s*TYPE\s+(?P<name>\S+)\s+(?P<kind>\S+)\s*")
_ESCAPE = re.compile(r"\\(.)")
_SUFFIXES = ("_bucket", "_sum", "_count")


class ExpositionError(ValueError):
    """A line is no sample, no comment and not empty; the line's number and text are the message."""


@dataclass(frozen=True, slots=True)
class Series:
    """What tells one sample from another: the metric's name and its labels, sorted by name."""

    name: str
    labels: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        inside = ",".join(f'{name}="{escaped(value)}"' for name, value in self.labels)
        return f"{self.name}{{{inside}}}" if inside else self.name


@dataclass(frozen=True, slots=True)
class Exposition:
    """All samples of one answer, and the type of each declared metric."""

    samples: Mapping[Series, float] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)

    def kind_of(self, name: str) -> str:
        """Return the type of the metric that samples named `name` belong to; empty when none is declared."""
        if name in self.types:
            return self.types[name]
        stem = next((name.removesuffix(end) for end in _SUFFIXES if name.endswith(end)), name)
        return self.types.get(stem, "")

    def counts(self, name: str) -> bool:
        """Return whether samples named `name` only grow while their process lives."""
        kind = self.kind_of(name)
        return kind == "counter" or (kind in {"histogram", "summary"} and name.endswith(_SUFFIXES))


def parse(text: str) -> Exposition:
    """Return what `text` says; a series that is there twice counts as it stands last.

    Raises ExpositionError for a line that is neither sample nor comment.
    """
    samples: dict[Series, float] = {}
    types: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("#"):
            if found := _TYPE.fullmatch(line):
                types[found["name"]] = found["kind"]
        elif line.strip():
            series, value = _sample(number, line)
            samples[series] = value
    return Exposition(samples, types)


def _sample(number: int, line: str) -> tuple[Series, float]:
    try:
        found = _LINE.fullmatch(line)
        if found is None:
            raise ValueError
        return Series(found["name"], tuple(sorted(_labels(found["labels"] or "")))), float(found["value"])
    except ValueError:
        raise ExpositionError(f"line {number} is no sample: {line[:80]}") from None


def _labels(text: str) -> Iterator[tuple[str, str]]:
    place = 0
    while text[place:].strip():
        found = _LABEL.match(text, place)
        if found is None:
            raise ValueError
        yield found["name"], _plain(found["value"])
        place = found.end()


def _plain(value: str) -> str:
    if "\\" not in value:
        return value
    return _ESCAPE.sub(lambda found: "\n" if found[1] == "n" else found[1], value)


def escaped(value: str) -> str:
    """Return a label's value as it is written between double quotes."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
