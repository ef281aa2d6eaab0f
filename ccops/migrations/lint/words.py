"""Find names, lists and conditions among the tokens of a statement."""

from __future__ import annotations

from collections.abc import Sequence

from ccops.migrations.lint.action import UNKNOWN
from ccops.migrations.lint.sql import Kind, Token

_LONGEST = 100


def words_of(tokens: Sequence[Token]) -> list[str]:
    """Return the keywords in capitals; "" for what is none."""
    return [token.word for token in tokens]


def skip(words: Sequence[str], at: int, over: frozenset[str] | set[str]) -> int:
    """Return where the first word from `at` on stands that is not in `over`."""
    while at < len(words) and words[at] in over:
        at += 1
    return at


def name_at(tokens: Sequence[Token], at: int) -> tuple[str, int]:
    """Return the name at `at`, without `public.`, and where it ends; "?" for what is computed."""
    words: list[str] = []
    while at < len(tokens):
        token = tokens[at]
        if token.kind is Kind.SIGN and token.text != UNKNOWN:
            break
        plain = token.text.lower() if token.kind is Kind.WORD else token.text
        words.append(UNKNOWN if UNKNOWN in plain else plain)
        at += 1
        if at >= len(tokens) or tokens[at].text != ".":
            break
        at += 1
    if not words or UNKNOWN in words:
        return UNKNOWN, at
    return ".".join(words[1:] if words[0] == "public" and len(words) > 1 else words), at


def parts_of(tokens: Sequence[Token]) -> list[Sequence[Token]]:
    """Return what stands between commas that are in no parentheses."""
    found: list[Sequence[Token]] = []
    depth = start = 0
    for at, token in enumerate(tokens):
        if token.kind is not Kind.SIGN:
            continue
        depth += (token.text in "([") - (token.text in ")]")
        if token.text == "," and depth == 0:
            found.append(tokens[start:at])
            start = at + 1
    return [part for part in [*found, tokens[start:]] if part]


def bounded(tokens: Sequence[Token]) -> bool:
    """Return whether a WHERE of its own holds it, one that says more than `true`."""
    depth = 0
    for at, token in enumerate(tokens):
        if token.kind is Kind.SIGN and token.text in "()":
            depth += 1 if token.text == "(" else -1
        elif depth == 0 and token.word == "WHERE":
            said = [one.text.upper() for one in tokens[at + 1 :]]
            said = said[: said.index("RETURNING")] if "RETURNING" in said else said
            return said not in (["TRUE"], ["1", "=", "1"])
    return False


def shortened(text: str) -> str:
    """Return `text` on one line that is not long."""
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST else f"{flat[: _LONGEST - 3]}..."


def shown(token: Token) -> str:
    """Return a token as it was written, more or less."""
    return f"'{token.text}'" if token.kind is Kind.TEXT else token.text
