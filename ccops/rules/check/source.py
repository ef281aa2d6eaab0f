"""The text a check looks at, and how its lines are told: by template and variable when there are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ccops.core.yamltree import Node, Scalar
from ccops.rules.check.finding import SORTS, Finding
from ccops.rules.templating import Origin


@dataclass(slots=True)
class Source:
    """One rule file: the name people know it by, its text, and where its lines come from."""

    name: str
    text: str
    origin: Origin | None = None
    folder: str = ""  # put before the names of templates
    _lines: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return the lines of the text; line n is at n - 1."""
        if not self._lines:
            self._lines = self.text.split("\n")
        return self._lines

    def line_of(self, node: Node, needle: str = "") -> int:
        """Return the line in which `needle` stands within a scalar, else the first of the node's text."""
        if not isinstance(node, Scalar):
            return node.line
        first = node.line + 1 if node.block else node.line
        if needle:
            lines = self.lines()
            for number in range(first, min(node.last_line, len(lines)) + 1):
                if needle in lines[number - 1]:
                    return number
        return self._line_of_a_value(first, node.last_line) or min(first, node.last_line)

    def _line_of_a_value(self, first: int, last: int) -> int:
        """Return the only one of these lines that holds a threshold, or 0: it is values that change."""
        if self.origin is None:
            return 0
        found = [number for number in range(first, last + 1) if self.origin.variables_at(number)]
        return found[0] if len(found) == 1 else 0


@dataclass(slots=True)
class Notes:
    """Collects the findings of one file."""

    source: Source
    found: list[Finding] = field(default_factory=list)

    def add(
        self,
        code: str,
        message: str,
        at: Node | int,
        *,
        rule: str = "",
        evidence: str = "",
        needle: str = "",
    ) -> None:
        """Note a finding at a node (at the line of `needle` in it) or at a line."""
        line = at if isinstance(at, int) else self.source.line_of(at, needle)
        sort, origin = SORTS[code], self.source.origin
        file, rendered, variables = self.source.name, "", tuple[str, ...]()
        if origin is not None:
            rendered = f"{file}:{line}"
            file, _, number = origin.where(line).rpartition(":")
            file = self.source.folder + file
            variables = origin.variables_at(line) or self._variables_of(at)
            line = int(number)
        self.found.append(
            Finding(
                code,
                message,
                file,
                line,
                sort.severity,
                evidence,
                sort.next_step,
                rule,
                variables,
                rendered,
            )
        )

    def _variables_of(self, at: Node | int) -> tuple[str, ...]:
        """Return the variables of all lines of a text of several lines."""
        origin = self.source.origin
        if origin is None or not isinstance(at, Scalar):
            return ()
        rows = range(at.line, at.last_line + 1)
        return unique(name for row in rows for name in origin.variables_at(row))


def unique(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names once each, in order."""
    return tuple(dict.fromkeys(names))
