"""Anchors of a markdown file, as the sites that show it make them."""

from __future__ import annotations

import re
from pathlib import Path

_HEADING = re.compile(r"^#{1,6}[ \t]+(?P<title>.+?)[ \t#]*$", re.MULTILINE)
_EXPLICIT = re.compile(r"<a\s+(?:id|name)=[\"'](?P<id>[^\"']+)[\"']")
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_DROPPED = re.compile(r"[^\w\- ]")


def anchors_of(text: str) -> frozenset[str]:
    """Return the anchors of headings (lower case, blanks to dashes, repeated ones numbered) and `<a id>`."""
    text = _FENCE.sub("", text)
    seen: dict[str, int] = {}
    found: set[str] = {match["id"] for match in _EXPLICIT.finditer(text)}
    for match in _HEADING.finditer(text):
        slug = _DROPPED.sub("", match["title"].strip().lower()).replace(" ", "-")
        count = seen.get(slug, 0)
        seen[slug] = count + 1
        found.add(f"{slug}-{count}" if count else slug)
    return frozenset(found)


def read_anchors(path: Path) -> frozenset[str] | None:
    """Return the anchors of a file, or None when it can't be read."""
    try:
        return anchors_of(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None
