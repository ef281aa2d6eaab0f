"""Just enough SQL: the verb, the format, where an INSERT's data begins, and what must not pass.

The engine's own parser stays the judge of syntax. This lexer only has to agree with it on where strings,
quoted names and comments end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ccops.stack.clickhouse_front.errors import (
    INTO_OUTFILE_NOT_ALLOWED,
    SYNTAX_ERROR,
    UNKNOWN_TYPE_OF_QUERY,
    ServerError,
)

_TOKEN = re.compile(
    rb"""
    (?P<skip>\s++|--[^\n]*+|\#[!\s][^\n]*+)
  | (?P<word>[A-Za-z_][A-Za-z0-9_]*+)
  | (?P<quoted>'(?:[^'\\]|\\.|'')*+'|`(?:[^`\\]|\\.|``)*+`|"(?:[^"\\]|\\.|"")*+"
      |\xe2\x80\x98.*?\xe2\x80\x99|\xe2\x80\x9c.*?\xe2\x80\x9d|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
  | (?P<number>\d[\w.]*+)
  | (?P<comment>/\*)
  | (?P<mark>.)
    """,
    re.DOTALL | re.VERBOSE,
)
_COMMENT_EDGE = re.compile(rb"/\*|\*/")
_DATA_START = re.compile(rb"[ \t\f]*;?[ \t\f]*\r?\n?")

_ROWS = frozenset(
    {b"SELECT", b"WITH", b"FROM", b"SHOW", b"DESCRIBE", b"DESC", b"EXISTS", b"EXPLAIN", b"CHECK", b"KILL"}
)
_STATELESS = _ROWS - {b"KILL"} | {b"INSERT"}
_OPEN, _CLOSE = b"([{", b")]}"


@dataclass(frozen=True, slots=True)
class Insert:
    """An INSERT whose data came along: `head` + FROM INFILE '...' + `settings` + FORMAT `format`."""

    head: bytes
    settings: bytes
    format: str
    data: memoryview


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement and what the front must know about it."""

    text: bytes
    verb: str
    format: str | None = None
    insert: Insert | None = None

    @property
    def returns_rows(self) -> bool:
        """Whether the answer is a result set (and so has a format)."""
        return self.verb.encode() in _ROWS

    @property
    def streams(self) -> bool:
        """Whether the engine can hand this out block by block."""
        return self.verb in {"SELECT", "WITH"}

    @property
    def keeps_state(self) -> bool:
        """Whether the handle it ran on may be different afterwards (SET, USE, temporary tables)."""
        return self.verb.encode() not in _STATELESS


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    value: bytes
    start: int
    end: int


def parse(text: bytes) -> Statement:
    """Read one statement; raise what a server would for several statements or for local files."""
    scan = _Scan(text)
    for token in _tokens(text):
        if scan.take(token):
            break
    return scan.statement()


class _Scan:
    """The state of one walk over the tokens."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.verb = b""
        self.format: str | None = None
        self.insert: Insert | None = None
        self._previous = _Token("mark", b"", 0, 0)
        self._depth = 0
        self._settings_at: int | None = None
        self._wants_data = False
        self._format_at: int | None = None
        self._ended = False
        self._in_tail = False

    def take(self, token: _Token) -> bool:
        """Take the next token; True when the rest is an INSERT's data."""
        if self._ended and token.value != b";":
            raise ServerError(SYNTAX_ERROR, "Syntax error (Multi-statements are not allowed)")
        done = False
        if token.kind == "word":
            done = self._word(token)
        elif token.kind == "mark":
            self._mark(token)
        self._previous = token
        return done

    def statement(self) -> Statement:
        """What was found."""
        return Statement(self.text, self.verb.decode("ascii"), self.format, self.insert)

    def _mark(self, token: _Token) -> None:
        if token.value == b";":
            self._ended = True
        elif token.value in _OPEN:
            self._depth += 1
            self.verb = self.verb or (b"SELECT" if token.value == b"(" else b"")
        elif token.value in _CLOSE:
            self._depth -= 1

    def _word(self, token: _Token) -> bool:
        word, before = token.value.upper(), self._previous.value.upper()
        if self._format_at is not None:
            return self._named_format(token)
        _refuse_local_files(before, word)
        if not self.verb:
            self.verb = word
            self._wants_data = word == b"INSERT"
        elif self._depth == 0 and before not in {b".", b"INTO", b"TABLE"}:
            self._forget_false_format(word)
            return self._clause(word, token)
        return False

    def _clause(self, word: bytes, token: _Token) -> bool:
        if word in {b"SELECT", b"WITH", b"WATCH"}:
            self._wants_data = False
        elif word == b"SETTINGS":
            self._settings_at = token.start
        elif word == b"FORMAT":
            self._format_at = token.start
        elif word == b"VALUES" and self._wants_data:
            self._cut(token.start, token.end, "Values")
            return True
        return False

    def _forget_false_format(self, word: bytes) -> None:
        # `SELECT format FROM t`: only SETTINGS may follow a real FORMAT clause.
        if self.format is not None and not self._in_tail:
            self._in_tail = word == b"SETTINGS"
            self.format = self.format if self._in_tail else None

    def _named_format(self, token: _Token) -> bool:
        start, self._format_at = self._format_at or 0, None
        self.format = token.value.decode("ascii")
        if not self._wants_data:
            return False
        match = _DATA_START.match(self.text, token.end)
        self._cut(start, match.end() if match else token.end, self.format)
        return True

    def _cut(self, head_end: int, data_start: int, name: str) -> None:
        at = head_end if self._settings_at is None else self._settings_at
        self.insert = Insert(self.text[:at], self.text[at:head_end], name, memoryview(self.text)[data_start:])
        self.format = None


def _refuse_local_files(before: bytes, word: bytes) -> None:
    if word == b"OUTFILE" and before == b"INTO":
        raise ServerError(INTO_OUTFILE_NOT_ALLOWED, "INTO OUTFILE is not allowed")
    if word == b"INFILE" and before == b"FROM":
        raise ServerError(UNKNOWN_TYPE_OF_QUERY, "Query has infile and was send directly to server")


def _tokens(text: bytes) -> Iterator[_Token]:
    at = 0
    while (match := _TOKEN.match(text, at)) is not None:
        at = match.end()
        kind = match.lastgroup or "mark"
        if kind == "comment":
            at = _comment_end(text, at)
        elif kind != "skip":
            yield _Token("quoted" if kind == "tag" else kind, match.group(), match.start(), at)


def _comment_end(text: bytes, at: int) -> int:
    nested = 1  # ClickHouse nests /* */
    while nested:
        edge = _COMMENT_EDGE.search(text, at)
        if edge is None:
            return len(text)
        nested += 1 if edge.group() == b"/*" else -1
        at = edge.end()
    return at
