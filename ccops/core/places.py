"""Paths as people see them."""

from __future__ import annotations

import os
from pathlib import Path


def shown(path: Path) -> str:
    """Return `path` relative to the current folder if it is inside.

    A name that is no text, or that would move a terminal's cursor or begin a line of its own, is written
    with escapes: it comes from a repository that anybody may have written to.
    """
    try:
        absolute, here = path.resolve(), Path.cwd().resolve()
    except RuntimeError:  # a loop of links
        absolute, here = Path(os.path.abspath(path)), Path.cwd()  # noqa: PTH100 - resolves no links
    text = absolute.relative_to(here).as_posix() if absolute.is_relative_to(here) else str(path)
    return printable(text)


def printable(text: str) -> str:
    """Return `text` on one line, and so that it moves no cursor and can be written to any file."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(letter: str) -> str:
    if letter.isprintable():
        return letter
    if "\udc80" <= letter <= "\udcff":  # a byte that is no text
        return f"\\x{ord(letter) - 0xDC00:02x}"
    return letter.encode("unicode_escape").decode()
