"""Random numbers that a player can recompute: words of HMAC-SHA256(server_seed, "client_seed:nonce").

The seed's SHA-256 is public before the round and the seed after its rotation, so every round can be checked.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Sequence

_WORD = 2**32


def words(server_seed: bytes, client_seed: str, nonce: int) -> Iterator[int]:
    """Yield 32-bit words: of HMAC("client:nonce"), then of HMAC("client:nonce:1"), "client:nonce:2", ..."""
    message, block = f"{client_seed}:{nonce}", 0
    while True:
        text = message if block == 0 else f"{message}:{block}"
        digest = hmac.new(server_seed, text.encode(), hashlib.sha256).digest()
        for at in range(0, len(digest), 4):
            yield int.from_bytes(digest[at : at + 4], "big")
        block += 1


def below(count: int, source: Iterator[int]) -> int:
    """Return a number from 0 to `count` - 1, each equally likely; `count` is at most 2**32."""
    # Rejection instead of modulo alone: words of the incomplete last block would favour the first numbers.
    fair = _WORD - _WORD % count
    return next(word for word in source if word < fair) % count


def weighted(weights: Sequence[int], source: Iterator[int]) -> int:
    """Return an index of `weights`, each as likely as its share of the sum."""
    point = below(sum(weights), source)
    for index, weight in enumerate(weights):
        if point < weight:
            return index
        point -= weight
    raise AssertionError("weights add up to their sum")
