"""The lock of an account, or of an address, under attack: an attempt is reserved before anything is hashed.

Counting failures after the fact would let parallel attempts pass together; here the sixth is refused before
it costs a hash, however many arrive at once. An attempt that is still being checked is no failure yet: who
finds the places taken by such attempts waits for their outcome, so that parallel right logins all get in.
A right login forgets the account's failures but gives the address only its own attempt back: neither
can thirty players behind one address lock each other out, nor can an attacker with an account of their
own wipe their slate. Without Redis nobody logs in (fail closed).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Literal, cast
from weakref import WeakValueDictionary

from ccops.backend.core.config import settings
from ccops.backend.utils.redis import AUTH_BUSY, account_key, address_key, best_effort, redis, required

Outcome = Literal["right", "wrong", "void"]

# Each pair of KEYS is a count of reserved attempts and of those still being checked: account, then address.
# Nothing is reserved unless both have room. A limit of 0 is no limit.
_RESERVE = """
local answer = {1, 0, 0}
for i = 1, 2 do
  local limit = tonumber(ARGV[i])
  if limit > 0 and tonumber(redis.call('GET', KEYS[2*i-1]) or '0') >= limit then
    local busy = tonumber(redis.call('GET', KEYS[2*i]) or '0') > 0
    if not busy then return {0, redis.call('TTL', KEYS[2*i-1]), i} end
    answer = {2, 0, i}
  end
end
if answer[1] == 2 then return answer end
for i = 1, 2 do
  if redis.call('INCR', KEYS[2*i-1]) == 1 then redis.call('EXPIRE', KEYS[2*i-1], ARGV[3]) end
  redis.call('INCR', KEYS[2*i])
  redis.call('EXPIRE', KEYS[2*i], ARGV[4])
end
return answer
"""
# Failures are the reserved attempts that nobody checks any more. The failure that reaches the limit restarts
# the clock, so that the lock lasts a whole window from there, and is the only one that says so.
_SETTLE = """
local locked = {0, 0}
for i = 1, 2 do
  local count, busy = KEYS[2*i-1], KEYS[2*i]
  local n, b = tonumber(redis.call('GET', count) or '0'), tonumber(redis.call('GET', busy) or '0')
  if b > 1 then b = redis.call('DECR', busy) else redis.call('DEL', busy) b = 0 end
  if ARGV[4] == 'wrong' then
    local limit = tonumber(ARGV[i])
    if limit > 0 and n - b == limit then
      redis.call('EXPIRE', count, ARGV[3])
      locked[i] = 1
    end
  else
    n = n - 1
    if ARGV[4] == 'right' and i == 1 then n = math.min(n, b) end
    if n > 0 then redis.call('SET', count, n, 'KEEPTTL') else redis.call('DEL', count) end
  end
end
return locked
"""
_reserve = redis.register_script(_RESERVE)
_settle = redis.register_script(_SETTLE)
# As long as the marks of attempts under way live: after that they are failures.
_WAIT_S = float(AUTH_BUSY.ttl_s)
_POLL_S = 0.03
# Attempts on one account in this process queue here and do not poll; only other processes' are waited for.
_queues: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()


@dataclass(frozen=True, slots=True)
class Attempt:
    """`allowed`: go on and hash, then settle; if not, `scope` is locked: come back in `retry_after_s`."""

    keys: tuple[str, ...]
    allowed: bool
    retry_after_s: int = 0
    scope: Literal["", "account", "address"] = ""

    async def settle(self, outcome: Outcome) -> tuple[bool, bool]:
        """Say how it went, once; returns whether this failure locked the account, and the address.

        `void` is an attempt that never reached the password. Unsettled, an attempt counts as a failure.
        """
        async with best_effort("outcome of a login"):
            account, address = cast(
                list[int], await _settle(keys=list(self.keys), args=[*_limits(), outcome])
            )
            return bool(account), bool(address)
        return False, False


@asynccontextmanager
async def reserve(site_id: str, address: str) -> AsyncIterator[Attempt]:
    """Take one attempt of the account and one of the address, waiting for those being checked now."""
    keys = _keys(site_id, address)
    queue = _queues.get(keys[0]) or asyncio.Semaphore(settings.lockout_failures)
    _queues[keys[0]] = queue
    async with queue:
        yield await _take(keys)


async def _take(keys: tuple[str, ...]) -> Attempt:
    end = time.monotonic() + _WAIT_S
    while True:
        with required():
            answer = await _reserve(keys=list(keys), args=[*_limits(), AUTH_BUSY.ttl_s])
        state, ttl, scope = cast(list[int], answer)
        if state == 1:
            return Attempt(keys, allowed=True)
        if state == 0 or time.monotonic() > end:
            return Attempt(keys, False, max(ttl, 1), "account" if scope == 1 else "address")
        await asyncio.sleep(_POLL_S * random.uniform(0.5, 1.5))


def _limits() -> tuple[int, int, int]:
    return settings.lockout_failures, settings.lockout_ip_failures, settings.lockout_window_s


def _keys(site_id: str, address: str) -> tuple[str, ...]:
    counts = account_key(site_id), address_key(network_of(address))
    return tuple(key for count in counts for key in (count, count.replace("auth:fail:", "auth:busy:", 1)))


def network_of(address: str) -> str:
    """Return what the limit counts by: an IPv4 address, or the /64 that one IPv6 customer has."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return "none"  # a UNIX socket's peer has no address
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is None:
            return f"v6-{found.packed[:8].hex()}"
        found = found.ipv4_mapped
    return str(found)
