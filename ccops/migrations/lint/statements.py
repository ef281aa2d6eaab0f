"""What SQL statements do, as far as a linter has to know. Words decide; nothing is parsed to the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from ccops.migrations.lint.action import UNKNOWN, Action, Does
from ccops.migrations.lint.sql import Kind, Statement, Token, split
from ccops.migrations.lint.words import bounded, name_at, parts_of, shortened, shown, skip, words_of

_WEAK = frozenset({"VALIDATE", "ATTACH", "ENABLE", "DISABLE", "CLUSTER", "OWNER"})
_FILLED = frozenset({"DEFAULT", "GENERATED", "SERIAL", "BIGSERIAL", "SMALLSERIAL"})
_CONSTRAINT = frozenset({"CONSTRAINT", "CHECK", "UNIQUE", "PRIMARY", "FOREIGN", "EXCLUDE"})
_TABLES = frozenset({"TABLE", "FOREIGN"})
# Functions are code that something may still call; the others hold data, or views that somebody reads.
_OBJECTS = frozenset(
    {
        "VIEW", "MATERIALIZED", "TYPE", "DOMAIN", "SCHEMA", "SEQUENCE", "FUNCTION", "PROCEDURE", "AGGREGATE",
        "DATABASE", "OWNED", "EXTENSION", "ROUTINE", "ROLE", "USER", "PUBLICATION", "SUBSCRIPTION", "SERVER",
        "COLLATION", "OPERATOR",
    }
)  # fmt: skip
# What they held is gone, even when one of the same name is made at once.
_LASTING = frozenset({"SCHEMA", "SEQUENCE", "DATABASE", "OWNED", "EXTENSION"})
_RENAMED = frozenset(
    {
        "TYPE", "VIEW", "SCHEMA", "MATERIALIZED", "FUNCTION", "PROCEDURE", "ROUTINE", "SEQUENCE", "DOMAIN",
        "AGGREGATE",
    }
)  # fmt: skip
_MODIFIERS = frozenset({"OR", "REPLACE", "TEMP", "TEMPORARY", "UNLOGGED", "GLOBAL", "LOCAL", "RECURSIVE"})
_BODY = frozenset({"BEGIN", "THEN", "ELSE", "LOOP"})


def actions_of(sql: str) -> list[tuple[int, Action]]:
    """Return what `sql` does: the line of each statement, from 0, and an action of it."""
    found: list[tuple[int, Action]] = []
    for statement in split(sql):
        short = shortened(" ".join(shown(token) for token in statement.tokens[:40]))
        found += [(statement.line, replace(one, sql=one.sql or short)) for one in _judged(statement)]
    return found


def _judged(statement: Statement) -> Iterator[Action]:
    words = statement.words
    if _hole(statement.tokens[:1]):
        yield Action(Does.COMPUTED)
    judge: Callable[[Sequence[Token]], Iterator[Action]] | None = _JUDGES.get(words[0])
    if judge is not None:
        yield from judge(statement.tokens)


def _hole(tokens: Sequence[Token]) -> bool:
    """Return whether a word that decides is computed."""
    return bool(tokens) and tokens[0].kind is Kind.SIGN and tokens[0].text == UNKNOWN


def _alter(tokens: Sequence[Token]) -> Iterator[Action]:
    words = words_of(tokens)
    if _hole(tokens[1:]):
        yield Action(Does.COMPUTED)
    if words[1:2] == ["TYPE"] and "DROP" in words and "ATTRIBUTE" in words:
        yield Action(Does.DROP_OBJECT, name=name_at(tokens, 2)[0])
    if words[1:3] == ["FOREIGN", "TABLE"]:
        tokens, words = tokens[1:], words[1:]
    if words[1:2] != ["TABLE"]:
        pairs = set(pairwise(words))
        renamed = "RENAME" in words and ("RENAME", "CONSTRAINT") not in pairs
        if words[1:2] and words[1] in _RENAMED and (renamed or ("SET", "SCHEMA") in pairs):
            yield Action(Does.RENAME, name=name_at(tokens, 2 + (words[1] == "MATERIALIZED"))[0])
        return
    table, at = name_at(tokens, skip(words, 2, {"IF", "EXISTS", "ONLY"}))
    at += at < len(tokens) and tokens[at].text == "*"
    for part in parts_of(tokens[at:]):
        yield _altered(table, part)


def _altered(table: str, part: Sequence[Token]) -> Action:
    words = words_of(part)
    first = words[0] if words else ""
    if _hole(part):
        return Action(Does.COMPUTED, table)
    at = 1 + (words[1:2] == ["COLUMN"])
    if first == "ADD":
        return _added(table, part, words, at)
    if first == "DROP":
        at = skip(words, at, {"IF", "EXISTS"})
        if words[1:2] == ["CONSTRAINT"]:
            return Action(Does.LOCK, table)
        return Action(Does.DROP_COLUMN, table, name_at(part, at)[0])
    if first == "ALTER":
        column, after = name_at(part, at)
        if "TYPE" in words[after : after + 3]:
            return Action(Does.RETYPE, table, column)
        if words[after : after + 3] == ["SET", "NOT", "NULL"]:
            return Action(Does.NOT_NULL, table, column)
        # Statistics and storage parameters of a column lock out no reader.
        weak = {"STATISTICS", "(", "STORAGE"} & {*words[after:], *(token.text for token in part[after:])}
        return Action(Does.TOUCH if weak else Does.LOCK, table)
    if first == "RENAME":
        if words[1:2] == ["CONSTRAINT"]:
            return Action(Does.LOCK, table)
        return Action(Does.RENAME, table, "" if words[1:2] == ["TO"] else name_at(part, at)[0])
    if words[:2] == ["SET", "SCHEMA"]:
        return Action(Does.RENAME, table)
    if first == "DETACH":
        concurrent = "CONCURRENTLY" in words
        return Action(Does.CONCURRENT if concurrent else Does.LOCK, table)
    # SET (fillfactor = 70) locks out no reader; SET LOGGED, SET TABLESPACE rewrite.
    stored = first in {"SET", "RESET"} and len(part) > 1 and part[1].text == "("
    return Action(Does.TOUCH if stored or first in _WEAK else Does.LOCK, table)


def _added(table: str, part: Sequence[Token], words: list[str], at: int) -> Action:
    if words[1:2] and words[1] in _CONSTRAINT:
        return Action(Does.TOUCH if "FOREIGN" in words else Does.LOCK, table)
    at = skip(words, at, {"IF", "NOT", "EXISTS"})
    column, after = name_at(part, at)
    rest = words[after:]
    required = any(pair == ("NOT", "NULL") for pair in pairwise(rest)) or "PRIMARY" in rest
    needs = required and not _FILLED & set(rest)
    return Action(Does.ADD_REQUIRED if needs else Does.ADD_COLUMN, table, column)


def _drop(tokens: Sequence[Token]) -> Iterator[Action]:
    words = words_of(tokens)
    sort = words[1] if len(words) > 1 else ""
    if _hole(tokens[1:]):
        yield Action(Does.COMPUTED)
    elif sort == "INDEX":
        concurrent = "CONCURRENTLY" in words
        at = skip(words, 2, {"CONCURRENTLY", "IF", "EXISTS"})
        yield Action(Does.CONCURRENT if concurrent else Does.LOCK, name=name_at(tokens, at)[0])
    elif sort in {"TRIGGER", "RULE", "POLICY"} and "ON" in words:
        yield Action(Does.LOCK, name_at(tokens, words.index("ON") + 1)[0])
    elif sort in _TABLES or sort in _OBJECTS:
        at = 3 if sort in {"FOREIGN", "MATERIALIZED"} else 2
        for part in parts_of(tokens[skip(words, at, {"IF", "EXISTS", "BY"}) :]):
            name = name_at(part, 0)[0]
            what = f"{sort.lower()} {name}" if sort in _LASTING else name
            table = sort in _TABLES
            yield Action(Does.DROP_TABLE, name) if table else Action(Does.DROP_OBJECT, name=what)


def _create(tokens: Sequence[Token]) -> Iterator[Action]:
    words = words_of(tokens)
    at = skip(words, 1, _MODIFIERS)
    sort = words[at] if at < len(words) else ""
    if sort in _TABLES:
        sure = words[at + 1 : at + 4] != ["IF", "NOT", "EXISTS"]
        at = skip(words, at + 1, {"TABLE", "IF", "NOT", "EXISTS"})
        yield Action(Does.CREATE_TABLE if sure else Does.ENSURE_TABLE, name_at(tokens, at)[0])
    elif sort in {"UNIQUE", "INDEX"}:
        if "CONCURRENTLY" in words:
            skips = "EXISTS" in words[: words.index("ON") if "ON" in words else None]
            table = name_at(tokens, words.index("ON") + 1)[0] if "ON" in words else UNKNOWN
            yield Action(Does.CONCURRENT, table)
            if skips:
                yield Action(Does.SKIPS_INVALID, table)
    elif sort in _OBJECTS:
        at = skip(words, at + 1, {"VIEW", "IF", "NOT", "EXISTS"})
        yield Action(Does.CREATE_OBJECT, name=name_at(tokens, at)[0])


def _truncate(tokens: Sequence[Token]) -> Iterator[Action]:
    words = words_of(tokens)
    for part in parts_of(tokens[skip(words, 1, {"TABLE"}) :]):
        yield Action(Does.TRUNCATE, name_at(part, skip(words_of(part), 0, {"ONLY"}))[0])


def _write(tokens: Sequence[Token]) -> Iterator[Action]:
    words = words_of(tokens)
    at = skip(words, 1, {"FROM", "ONLY"})
    if not bounded(tokens):
        yield Action(Does.WRITE_ALL, name_at(tokens, at)[0])


def _with(tokens: Sequence[Token]) -> Iterator[Action]:
    """Judge the writes of a WITH: those in its parentheses, and the one that comes last."""
    depth, opened = 0, []
    for at, token in enumerate(tokens):
        if token.kind is Kind.SIGN and token.text in "()":
            depth += 1 if token.text == "(" else -1
            if token.text == "(":
                opened.append(at)
            elif opened:
                inner = tokens[opened.pop() + 1 : at]
                if inner and inner[0].word in {"UPDATE", "DELETE"}:
                    yield from _write(inner)
        elif depth == 0 and token.word in {"UPDATE", "DELETE"} and at and tokens[at - 1].text == ")":
            yield from _write(tokens[at:])


def _set(tokens: Sequence[Token]) -> Iterator[Action]:
    if "LOCK_TIMEOUT" in words_of(tokens):
        yield Action(Does.TIMEOUT)


def _select(tokens: Sequence[Token]) -> Iterator[Action]:
    if "SET_CONFIG" in words_of(tokens) and any(token.text == "lock_timeout" for token in tokens):
        yield Action(Does.TIMEOUT)


def _do(tokens: Sequence[Token]) -> Iterator[Action]:
    """Judge the statements of an anonymous block; what it puts together itself can't be known."""
    body = next((token.text for token in tokens if token.kind is Kind.TEXT), "")
    for statement in split(body):
        words = statement.words
        starts = [0, *(at + 1 for at, word in enumerate(words) if word in _BODY)]
        # The first that begins a statement: a CASE within it has THEN and ELSE of its own.
        begun = (at for at in starts if {*words[at : at + 1]} & {*_JUDGES, "EXECUTE"})
        inner = statement.tokens[next(begun, len(words)) :]
        if inner and inner[0].word == "EXECUTE":
            yield Action(Does.COMPUTED, sql=shortened(" ".join(map(shown, inner))))
        elif inner:
            yield from _judged(Statement(inner))


def _reindex(tokens: Sequence[Token]) -> Iterator[Action]:
    if "CONCURRENTLY" in words_of(tokens):
        yield Action(Does.CONCURRENT)


def _rewriting(tokens: Sequence[Token]) -> Iterator[Action]:
    """CLUSTER, and VACUUM with FULL."""
    words = words_of(tokens)
    if words[0] == "CLUSTER" or "FULL" in words:
        yield Action(Does.LOCK, name_at(tokens, len(tokens) - 1)[0])


_JUDGES: dict[str, Callable[[Sequence[Token]], Iterator[Action]]] = {
    "ALTER": _alter, "DROP": _drop, "CREATE": _create, "TRUNCATE": _truncate, "UPDATE": _write,
    "DELETE": _write, "WITH": _with, "SET": _set, "SELECT": _select, "DO": _do, "REINDEX": _reindex,
    "CLUSTER": _rewriting, "VACUUM": _rewriting,
}  # fmt: skip
