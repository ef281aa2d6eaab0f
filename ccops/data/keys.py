"""The contract's redis.yml: which keys may exist, of which type, for how long."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ccops.core.bundle import invalid, mapping, read_yaml

_PLACE = re.compile(r"\{(\w+)\}")
# What comes from outside may hold colons (an IPv6 address, a caller's key); ours never do.
_FREE = frozenset({"ip", "ident", "key"})


@dataclass(frozen=True, slots=True)
class Family:
    """A family of keys: its pattern, the Redis type, seconds to live (None: it may stay), who writes it."""

    pattern: str
    kind: str
    ttl_s: int | None
    owner: str
    regex: re.Pattern[bytes]

    @property
    def weight(self) -> int:
        """Return how specific the pattern is: the number of characters that are not a placeholder."""
        return len(_PLACE.sub("", self.pattern))


def read_families(folder: Path, name: str = "redis.yml") -> list[Family]:
    """Return the declared families, the most specific first. Raises UsageError for a file without any."""
    keys = mapping(read_yaml(folder, name).get("keys"))
    if not keys:
        raise invalid(folder, name, "it declares no key")
    families = [_family(folder, name, pattern, body) for pattern, body in keys.items()]
    return sorted(families, key=lambda one: (-one.weight, one.pattern))


def family_of(key: bytes, families: list[Family]) -> Family | None:
    """Return the most specific family that `key` belongs to, or None."""
    return next((one for one in families if one.regex.fullmatch(key)), None)


def _family(folder: Path, name: str, pattern: str, body: object) -> Family:
    words = mapping(body)
    kind, ttl = words.get("type"), words.get("ttl_s")
    if not isinstance(kind, str) or not (ttl is None or (isinstance(ttl, int) and ttl > 0)):
        raise invalid(folder, name, f"key {pattern!r} needs a type and ttl_s in seconds (or null)")
    return Family(pattern, kind, ttl, str(words.get("owner", "")), _regex(pattern))


def _regex(pattern: str) -> re.Pattern[bytes]:
    parts, index = [], 0
    for place in _PLACE.finditer(pattern):
        parts.append(re.escape(pattern[index : place.start()]))
        parts.append(".+" if place[1] in _FREE else "[^:]+")
        index = place.end()
    parts.append(re.escape(pattern[index:]))
    return re.compile("".join(parts).encode(), re.DOTALL)
