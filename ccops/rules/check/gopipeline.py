"""One pipeline of a Go template: `$x := command | command`, with parentheses."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

_OPERANDS = frozenset({"string", "char", "field", "variable", "number", "word"})
_LITERALS = frozenset({"string", "char", "number"})
_CONSTANTS = frozenset({"true", "false", "nil"})
_DEEPEST = 50


class Use(Protocol):
    """Where labels and the value are noted when they are used."""

    labels: list[str]
    value: bool
    queries: bool


class TemplateError(ValueError):
    """The server would refuse to load this text."""


class Pipeline:
    """Reads tokens `(kind, text)` with spaces among them, once, from left to right."""

    def __init__(
        self,
        tokens: list[tuple[str, str]],
        known: set[str],
        functions: Collection[str],
        *,
        within: str,
        inside: Collection[str],
    ) -> None:
        self._tokens = tokens
        self._at = 0
        self._known = known
        self._functions = functions
        self._within = within
        self._moved = bool(
            {"range", "with", "define", "block"} & set(inside)
        )  # the dot is another thing there

    def judge(self, use: Use) -> None:
        """Note what is used. Raises TemplateError."""
        added = self._declaration()
        self._commands(use, 0)
        if self._at < len(self._tokens):
            raise TemplateError(f"unexpected {self._tokens[self._at][1]:.20}")
        self._known.update(added)

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("", "")

    def _skip(self) -> None:
        while self._peek()[0] == "space":
            self._at += 1

    def _declaration(self) -> list[str]:
        words = [(at, token) for at, token in enumerate(self._tokens) if token[0] != "space"]
        shape = [kind if kind in {"variable", "declare"} else text for _, (kind, text) in words]
        for names, pattern in ((1, ["variable", "declare"]), (2, ["variable", ",", "variable", "declare"])):
            if shape[: len(pattern)] == pattern:
                if names == 2 and self._within != "range":
                    raise TemplateError("only range declares two variables")
                self._at = words[len(pattern) - 1][0] + 1
                return [text for _, (kind, text) in words[: len(pattern)] if kind == "variable"]
        if shape[:2] == ["variable", "="]:
            self._variable(words[0][1][1])
            self._at = words[1][0] + 1
        return []

    def _commands(self, use: Use, depth: int) -> None:
        if depth > _DEEPEST:
            raise TemplateError("parentheses nested too deep")
        first = True
        while True:
            self._command(use, depth, first=first)
            first = False
            self._skip()
            if self._peek()[1] != "|":
                return
            self._at += 1

    def _command(self, use: Use, depth: int, *, first: bool) -> None:
        operands = 0
        while True:
            self._skip()
            kind, text = self._peek()
            if text == "(":
                self._parenthesis(use, depth)
            elif kind in _OPERANDS or text == ".":
                self._operand(kind, text, use, alone=operands == 0, first=first)
            else:
                break
            operands += 1
        if not operands:
            raise TemplateError("missing value for command")

    def _parenthesis(self, use: Use, depth: int) -> None:
        self._at += 1
        self._commands(use, depth + 1)
        self._skip()
        if self._peek()[1] != ")":
            raise TemplateError("a parenthesis is never closed")
        self._at += 1
        while self._peek()[0] == "field":
            self._at += 1

    def _operand(self, kind: str, text: str, use: Use, *, alone: bool, first: bool) -> None:
        self._at += 1
        if kind == "word":
            if text not in self._functions and text not in _CONSTANTS:
                raise TemplateError(f"function {text:.40} is not defined")
            use.queries = use.queries or text == "query"
        if alone and text == "nil":
            raise TemplateError("nil is not a command")
        if alone and not first and (kind in _LITERALS or text in _CONSTANTS or text == "."):
            raise TemplateError(f"{text:.20} can't stand behind |")
        chain: list[str] = []
        if kind in {"variable", "field"}:
            while self._peek()[0] == "field":
                chain.append(self._peek()[1][1:])
                self._at += 1
        elif self._peek()[0] == "field":
            raise TemplateError(f"unexpected {self._peek()[1]:.20} behind {text:.20}")
        if kind == "variable":
            self._variable(text)
        self._note(kind, text, chain, use)

    def _variable(self, text: str) -> None:
        if text not in self._known:
            raise TemplateError(f"undefined variable {text:.40}")

    def _note(self, kind: str, text: str, chain: list[str], use: Use) -> None:
        if kind == "field" and not self._moved:
            kind, text = "variable", {".Labels": "$labels", ".Value": "$value"}.get(text, text)
        if text == "$" and chain:
            text, chain = {"Labels": "$labels", "Value": "$value"}.get(chain[0], text), chain[1:]
        if kind != "variable":
            return
        if text == "$labels" and chain:
            use.labels.append(chain[0])
        use.value = use.value or text == "$value"
