"""Cut SQL into statements and words, as PostgreSQL's lexer does; nothing is understood here.

Quotes of every kind, nested comments, dollar quotes and bodies between BEGIN ATOMIC and END keep their
semicolons. What is not closed goes to the end of the text: bad SQL is no reason to stop.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a token is."""

    WORD = "word"
    NAME = "name"  # in double quotes; `text` is without them
    TEXT = "text"  # a literal; `text` is what it says
    SIGN = "sign"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """A word, name, literal or sign. `line` is counted from 0 at the beginning of the SQL."""

    kind: Kind
    text: str
    line: int

    @property
    def word(self) -> str:
        """Return the keyword in capitals; "" for what is none."""
        return self.text.upper() if self.kind is Kind.WORD else ""


@dataclass(frozen=True, slots=True)
class Statement:
    """The tokens of one statement, at least one, without the semicolon and comments."""

    tokens: tuple[Token, ...]

    @property
    def line(self) -> int:
        return self.tokens[0].line

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(token.word for token in self.tokens)


_SPACE = re.compile(r"(?:\s|--[^\r\n]*)+")
_WORD = re.compile(r"[^\W\d][\w$]*")
_NUMBER = re.compile(r"\d[\w.]*")
_PLAIN = re.compile(r"'(?:[^']|'')*(?:'|\Z)")
_ESCAPED = re.compile(r"[eE]'(?:[^'\\]|''|\\.)*(?:'|\\?\Z)", re.DOTALL)
_QUOTED = re.compile(r'"(?:[^"]|"")*(?:"|\Z)')
_DOLLAR = re.compile(r"\$(?:[^\W\d]\w*)?\$")
_COMMENT = re.compile(r"/\*|\*/")


def split(sql: str) -> list[Statement]:
    """Return the statements of `sql`; empty ones are left out."""
    found: list[Statement] = []
    now: list[Token] = []
    depth = 0
    body = _Body()
    for token in tokens(sql):
        body.see(token, now)
        depth += (token.text == "(") - (token.text == ")") if token.kind is Kind.SIGN else 0
        if token.kind is not Kind.END:
            now.append(token)
        elif depth <= 0 and not body.depth:
            if now:
                found.append(Statement(tuple(now)))
            now, depth, body = [], 0, _Body()
    return [*found, Statement(tuple(now))] if now else found


class _Body:
    """Knows whether we are in a function's body that is written as SQL: BEGIN ATOMIC .. END."""

    def __init__(self) -> None:
        self.depth = 0
        self._begin = False

    def see(self, token: Token, before: Sequence[Token]) -> None:
        word = token.word
        if self.depth:
            self.depth += (word in {"BEGIN", "CASE"}) - (word == "END")
        elif word == "ATOMIC" and self._begin and before and before[0].word == "CREATE":
            self.depth = 1
        self._begin = word == "BEGIN"


def tokens(sql: str) -> Iterator[Token]:
    """Yield the tokens of `sql`; comments and white space are left out."""
    at = line = 0
    while at < len(sql):
        end, kind, text = _next(sql, at)
        if kind is not None:
            yield Token(kind, text, line)
        line += sql.count("\n", at, end)
        at = end


def _next(sql: str, at: int) -> tuple[int, Kind | None, str]:
    """Return where the token at `at` ends, its kind (None: nothing that counts), and what it says."""
    if space := _SPACE.match(sql, at):
        return space.end(), None, ""
    if sql.startswith("/*", at):
        return _comment_end(sql, at), None, ""
    if escaped := _ESCAPED.match(sql, at):
        return escaped.end(), Kind.TEXT, escaped[0][2:].removesuffix("'")
    if plain := _PLAIN.match(sql, at):
        return plain.end(), Kind.TEXT, plain[0][1:].removesuffix("'").replace("''", "'")
    if quoted := _QUOTED.match(sql, at):
        return quoted.end(), Kind.NAME, quoted[0][1:].removesuffix('"').replace('""', '"')
    if dollar := _DOLLAR.match(sql, at):
        end = sql.find(dollar[0], dollar.end())
        stop = len(sql) if end < 0 else end + len(dollar[0])
        return stop, Kind.TEXT, sql[dollar.end() : len(sql) if end < 0 else end]
    if word := _WORD.match(sql, at) or _NUMBER.match(sql, at):
        return word.end(), Kind.WORD, word[0]
    return at + 1, Kind.END if sql[at] == ";" else Kind.SIGN, sql[at]


def _comment_end(sql: str, at: int) -> int:
    depth = 0
    for edge in _COMMENT.finditer(sql, at):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(sql)
