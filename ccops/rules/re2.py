"""Regular expressions as Go reads them: the PromQL library uses another engine, which takes more."""

from __future__ import annotations

import re
import warnings
from functools import lru_cache

_MOST_REPEATS = 1000
_TOKEN = re.compile(
    r"""(?P<escape>\\(?:[pP](?:\{\^?\w+\}|\w)|x(?:\{[0-9a-fA-F]+\}|[0-9a-fA-F]{2})|[0-7]{2,3}|.|$))
      | (?P<set>\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\])
      | (?P<group>\((?:\?(?:P<\w+>|[-imsU]*[:)]|.?)?)?)
      | (?P<repeat>[*+?]|\{[0-9]+(?:,[0-9]*)?\})
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_GROUP = re.compile(r"\((?:\?(?:P<\w+>|[imsU]*(?:-[imsU]+)?[:)]))?")
_CLASS = re.compile(r"\[:\^?(\w+):\]")
_CLASS_NAMES = "alnum alpha ascii blank cntrl digit graph lower print punct space upper word xdigit"
_CLASSES = frozenset(_CLASS_NAMES.split())
_LETTERS = frozenset("afnrtvdDsSwWAbBzQEC0")  # escapes of one letter or digit that Go knows


# Python reads it otherwise, or takes for ever.
_OTHERWISE = re.compile(r"\[\[|\\[pPzQEC]|\\x\{|[*+}]\)[*+{]")


def matches(pattern: str, value: str) -> bool | None:
    """Return whether `pattern` matches all of `value`; None when Python would read it another way than Go."""
    if _OTHERWISE.search(pattern):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.fullmatch(pattern, value, re.DOTALL) is not None
    except (re.error, OverflowError, RecursionError):
        return None


@lru_cache(maxsize=1024)
def fault_of(pattern: str) -> str:
    """Return what Go finds wrong with `pattern` beside what the library has found; "" when nothing."""
    repeated = lazy = False
    for match in _TOKEN.finditer(pattern):
        kind, text = match.lastgroup, match[0]
        if kind != "repeat":
            repeated = lazy = False
            if kind == "escape" and not _known(text):
                return f"unknown escape {text}"
            if kind == "set" and (fault := _of_set(text)):
                return fault
            if kind == "group" and _GROUP.fullmatch(text) is None:
                return f"unknown group {text}"
            continue
        if repeated and (text != "?" or lazy):
            return f"repeated repetition {text}"
        if any(int(number) > _MOST_REPEATS for number in re.findall(r"[0-9]{1,9}", text)):
            return f"more than {_MOST_REPEATS} repetitions"
        lazy, repeated = repeated, True
    return ""


def _of_set(text: str) -> str:
    if "--" in text:
        return f"unknown range in {text:.40}"
    unknown = set(_CLASS.findall(text)) - _CLASSES
    return f"unknown class {min(unknown)}" if unknown else ""


def _known(escape: str) -> bool:
    letter = escape[1:2]
    if len(escape) > 2 or (letter.isascii() and not letter.isalnum()):
        return bool(letter)
    return letter in _LETTERS
