"""Go's text/template as far as Prometheus parses it: refuses what the server would refuse to load.

Only the grammar is judged, as the server does on loading; what fails while it is expanded is not seen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from ccops.rules.check.gopipeline import Pipeline, TemplateError

__all__ = ["FUNCTIONS", "Template", "TemplateError", "read"]

_BUILTINS = "and call html index slice js len not or print printf println urlquery eq ge gt le lt ne"
_OF_PROMETHEUS = """
query first label value strvalue args reReplaceAll safeHtml match title toUpper toLower graphLink tableLink
sortByLabel stripPort stripDomain humanize humanize1024 humanizeDuration humanizePercentage humanizeTimestamp
toTime pathPrefix externalURL parseDuration tmpl
"""
FUNCTIONS = frozenset(_BUILTINS.split()) | frozenset(_OF_PROMETHEUS.split())
VARIABLES = frozenset({"$", "$labels", "$externalLabels", "$externalURL", "$value"})
_KEYWORDS = frozenset(
    {"if", "else", "range", "with", "end", "define", "block", "template", "break", "continue"}
)
_OPENING = frozenset({"if", "range", "with", "define", "block"})

_ACTION = re.compile(r"\{\{(?:-[ \t\r\n])?")
_COMMENT = re.compile(r"/\*.*?\*/(?:[ \t\r\n]-)?\}\}", re.DOTALL)
_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
      | (?P<string>"(?:\\(?:[abfnrtv\\"]|x[0-9a-fA-F]{2}|[0-7]{3}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})
                       |[^"\\\n])*"
                    |`[^`]*`)
      | (?P<char>'(?:\\.|[^'\\\n])')
      | (?P<field>\.[A-Za-z_\u0080-\uffff][\w]*)
      | (?P<variable>\$[\w]*)
      | (?P<number>[+-]?(?:0[xX][0-9a-fA-F]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?
                    |\.[0-9]+))(?![\w.])
      | (?P<word>[A-Za-z_\u0080-\uffff][\w]*)
      | (?P<declare>:=)
      | (?P<sign>[.|(),=])""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Template:
    """What a text uses: labels as in `$labels.x`, the value of the query, and whether it asks the server."""

    labels: tuple[str, ...] = ()
    uses_value: bool = False
    queries: bool = False


@dataclass(slots=True)
class _Use:
    labels: list[str] = field(default_factory=list)
    value: bool = False
    queries: bool = False


_PLAIN = Template()


def read(text: str) -> Template:
    """Return what a label or annotation uses. Raises TemplateError."""
    return _read(text) if "{{" in text else _PLAIN


@lru_cache(maxsize=2048)
def _read(text: str) -> Template:
    use, blocks = _Use(), [_Block("", set(VARIABLES))]
    at = 0
    while (match := _ACTION.search(text, at)) is not None:
        at = match.end()
        comment = _COMMENT.match(text, at)
        if comment is not None:
            at = comment.end()
            continue
        tokens, at = _tokens(text, at)
        _action(tokens, blocks, use)
    if len(blocks) > 1:
        raise TemplateError(f"{blocks[-1].kind} without end")
    return Template(tuple(dict.fromkeys(use.labels)), use.value, use.queries)


@dataclass(slots=True)
class _Block:
    """An open `if`, `range`, `with`, `define` or `block`, and the variables known in it."""

    kind: str
    known: set[str]
    otherwise: bool = False


_Token = tuple[str, str]


def _tokens(text: str, at: int) -> tuple[list[_Token], int]:
    """Return the tokens up to the closing braces, and where the text goes on. Raises TemplateError."""
    found: list[_Token] = []
    while True:
        if text.startswith("}}", at):
            return found, at + 2
        match = _TOKEN.match(text, at)
        if match is None:
            if at >= len(text):
                raise TemplateError("{{ is never closed")
            raise TemplateError(f"unexpected {text[at : at + 12]!r} in an action")
        kind = match.lastgroup or ""
        _touching(found, kind, match[0])
        if kind == "space" and text.startswith("-}}", match.end()):
            return found, match.end() + 3
        found.append((kind, match[0]))
        at = match.end()


def _touching(found: list[_Token], kind: str, text: str) -> None:
    """Refuse two words without a space between them: `"a"b`, `$x"y"`, `$x.`, `f(`."""
    if not found or kind in {"space", "declare"} or (kind == "sign" and text not in {".", "("}):
        return
    before, last = found[-1]
    if before in {"space", "declare"} or last in {"(", ",", "|", "="}:
        return
    if kind == "field" and (before in {"field", "variable"} or last == ")"):
        return
    raise TemplateError(f"unexpected {text:.20} right behind {last:.20}")


def _action(tokens: list[_Token], blocks: list[_Block], use: _Use) -> None:
    words = [token for token in tokens if token[0] != "space"]
    if not words:
        raise TemplateError("an empty action: {{ }}")
    keyword = words[0][1] if words[0][0] == "word" else ""
    if keyword not in _KEYWORDS:
        _pipeline(tokens, blocks[-1].known, use, blocks, "action")
        return
    rest = tokens[tokens.index(words[0]) + 1 :]
    if keyword == "end":
        _bare(words, keyword)
        if len(blocks) == 1:
            raise TemplateError("end without if, range or with")
        blocks.pop()
    elif keyword == "else":
        _else(words, rest, blocks, use)
    elif keyword in {"break", "continue"}:
        _bare(words, keyword)
        if not any(block.kind == "range" for block in blocks):
            raise TemplateError(f"{keyword} outside of range")
    elif keyword in {"define", "block", "template"}:
        _named(keyword, words, rest, blocks, use)
    else:
        known = set(blocks[-1].known)
        _pipeline(rest, known, use, blocks, keyword)
        blocks.append(_Block(keyword, known))


def _bare(words: list[_Token], keyword: str) -> None:
    if len(words) > 1:
        raise TemplateError(f"unexpected {words[1][1]:.20} behind {keyword}")


def _else(words: list[_Token], rest: list[_Token], blocks: list[_Block], use: _Use) -> None:
    block = blocks[-1]
    if block.kind not in {"if", "range", "with"} or block.otherwise:
        raise TemplateError("else without if, range or with")
    if len(words) == 1:
        block.otherwise = True
        return
    if words[1] != ("word", "if") or block.kind != "if":
        raise TemplateError(f"unexpected {words[1][1]:.20} behind else")
    _pipeline(rest[rest.index(words[1]) + 1 :], block.known, use, blocks, "if")


def _named(keyword: str, words: list[_Token], rest: list[_Token], blocks: list[_Block], use: _Use) -> None:
    if len(words) < 2 or words[1][0] != "string":
        raise TemplateError(f"{keyword} needs a name in quotes")
    after = rest[rest.index(words[1]) + 1 :]
    more = [token for token in after if token[0] != "space"]
    if keyword == "define":
        if more or len(blocks) > 1:
            raise TemplateError("define stands alone, outside of other blocks")
        blocks.append(_Block(keyword, {"$"}))
        return
    if more or keyword == "block":
        _pipeline(after, blocks[-1].known, use, blocks, keyword)
    if keyword == "block":
        blocks.append(_Block(keyword, {"$"}))


def _pipeline(tokens: list[_Token], known: set[str], use: _Use, blocks: list[_Block], where: str) -> None:
    """Judge `$x := command | command`. New variables join `known`."""
    Pipeline(tokens, known, FUNCTIONS, within=where, inside={block.kind for block in blocks}).judge(use)
