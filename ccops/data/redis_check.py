"""Look at every key of a Redis: declared, of the declared type, and with a life no longer than declared."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ccops.clients.guard import password_of
from ccops.clients.redis import open_redis
from ccops.clients.target import target
from ccops.core.bundle import contract_folder
from ccops.core.errors import ExitCode, Unreachable
from ccops.core.profile import Profile
from ccops.data.keys import Family, family_of, read_families
from ccops.data.model import MAX_SAMPLES

if TYPE_CHECKING:
    from redis.asyncio import Redis

UNKNOWN = "(not declared)"
_BATCH = 1000
_WIDEST = 120
_SLACK_MS = 1000  # the server counts in milliseconds, the contract in seconds


@dataclass(slots=True)
class Tally:
    """What was seen of one family: how many keys, the longest life in seconds, and who offends how."""

    family: Family | None
    keys: int = 0
    longest_s: float = 0.0
    offences: dict[str, int] = field(default_factory=dict)
    samples: dict[str, list[str]] = field(default_factory=dict)

    @property
    def pattern(self) -> str:
        return self.family.pattern if self.family else UNKNOWN


@dataclass(frozen=True, slots=True)
class Keyspace:
    """All families with at least one key, how many keys there were, and whether all were looked at."""

    tallies: tuple[Tally, ...]
    keys: int
    complete: bool
    secrets: tuple[str, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """Return 0 only when all keys were seen and each is as declared."""
        if self.keys == 0 or any(tally.offences for tally in self.tallies):
            return ExitCode.NEGATIVE
        return ExitCode.OK if self.complete else ExitCode.UNREACHABLE


def check_redis(profile: Profile, *, limit: int = 1_000_000, policy: Path | None = None) -> Keyspace:
    """Return what the Redis of `profile` holds, judged by the contract's redis.yml or by `policy`.

    Looks at `limit` keys at most. Only reads. Raises UsageError for a policy that can't be read and
    Unreachable when the server does not answer or does not let us look.
    """
    folder = contract_folder(profile)
    families = read_families(policy.parent, policy.name) if policy else read_families(folder)
    url = target(profile, "redis")
    return asyncio.run(_look(url, families, limit))


def shown(key: bytes) -> str:
    """Return a key as one line of printable characters, whatever is in it, at most 120 of them."""
    text = key.decode("utf-8", "backslashreplace")
    text = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return text if len(text) <= _WIDEST else f"{text[:_WIDEST]}…"


def offence_of(family: Family | None, kind: str, life_ms: int) -> str:
    """Return what is wrong with a key (a stable code), or an empty text. `life_ms` is PTTL's answer."""
    if family is None:
        return "KEY_UNKNOWN"
    if kind != family.kind:
        return "KEY_TYPE"
    if family.ttl_s is None:
        return ""
    if life_ms == -1:
        return "KEY_WITHOUT_TTL"
    return "KEY_TTL_TOO_LONG" if life_ms > family.ttl_s * 1000 + _SLACK_MS else ""


async def _look(url: str, families: list[Family], limit: int) -> Keyspace:
    from redis.exceptions import ResponseError

    tallies: dict[str, Tally] = {}
    seen: set[int] = set()
    complete = True
    try:
        async with open_redis(url, text=False) as client:
            async for batch in _batches(client):
                # SCAN may return a key twice while the table grows.
                fresh = [key for key in dict.fromkeys(batch) if hash(key) not in seen]
                if len(seen) + len(fresh) > limit:
                    fresh, complete = fresh[: limit - len(seen)], False
                seen.update(map(hash, fresh))
                await _judge(client, fresh, families, tallies)
                if not complete:
                    break
    except ResponseError as error:
        said = str(error).splitlines()[0][:200]
        raise Unreachable(
            "REDIS_REFUSED",
            "redis does not let us look at its keys",
            evidence=said,
            next_step="allow SCAN, TYPE and PTTL to the user in CCOPS_REDIS_URL",
        ) from None
    found = sorted(tallies.values(), key=lambda one: one.pattern)
    return Keyspace(tuple(found), sum(one.keys for one in found), complete, (password_of(url),))


async def _batches(client: Redis) -> AsyncIterator[list[bytes]]:
    cursor = 0
    while True:
        cursor, batch = await client.scan(cursor, count=_BATCH)
        yield [key for key in batch if isinstance(key, bytes)]
        if cursor == 0:
            return


async def _judge(
    client: Redis, keys: Sequence[bytes], families: list[Family], tallies: dict[str, Tally]
) -> None:
    if not keys:
        return
    pipe = client.pipeline(transaction=False)
    for key in keys:
        pipe.type(key)
        pipe.pttl(key)
    answers = await pipe.execute()
    for place, key in enumerate(keys):
        kind, life_ms = answers[2 * place].decode(), int(answers[2 * place + 1])
        if kind == "none" or life_ms == -2:
            continue  # it expired while we looked
        _count(tallies, family_of(key, families), key, kind, life_ms)


def _count(tallies: dict[str, Tally], family: Family | None, key: bytes, kind: str, life_ms: int) -> None:
    tally = tallies.setdefault(family.pattern if family else UNKNOWN, Tally(family))
    tally.keys += 1
    tally.longest_s = max(tally.longest_s, life_ms / 1000)
    if code := offence_of(family, kind, life_ms):
        tally.offences[code] = tally.offences.get(code, 0) + 1
        samples = tally.samples.setdefault(code, [])
        if len(samples) < MAX_SAMPLES:
            life = "no TTL" if life_ms == -1 else f"{life_ms / 1000:.0f} s to live"
            samples.append(f"{shown(key)}  {kind}, {life}")
