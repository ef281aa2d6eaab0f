"""The lock of an account under attack: an attempt is reserved before anything is hashed.

Counting failures after the fact would let parallel attempts pass together; here the sixth is refused
before it costs a hash, however many arrive at once. Without Redis nobody logs in (fail closed).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from ccops.backend.core.config import settings
from ccops.backend.utils.redis import account_key, redis, required

# The counter is one above the limit once the lock was noticed, so that the transition shows exactly once.
# The last reservation restarts the clock: the lock lasts a whole window from there.
_RESERVE = """
local n = tonumber(redis.call('GET', KEYS[1]) or '0')
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
if n < limit then
  n = redis.call('INCR', KEYS[1])
  if n == 1 or n == limit then redis.call('EXPIRE', KEYS[1], window) end
  return {1, 0, 0}
end
if n == limit then redis.call('INCR', KEYS[1]) end
return {0, redis.call('TTL', KEYS[1]), n == limit and 1 or 0}
"""
_GIVE_BACK = """
local n = tonumber(redis.call('GET', KEYS[1]) or '0')
if n > 0 then redis.call('DECR', KEYS[1]) end
"""
_reserve = redis.register_script(_RESERVE)
_give_back = redis.register_script(_GIVE_BACK)


@dataclass(frozen=True, slots=True)
class Attempt:
    """`allowed`: go on and hash; if not, come back in `retry_after_s`. `just_locked` is True once a lock."""

    allowed: bool
    retry_after_s: int
    just_locked: bool


async def reserve(site_id: str) -> Attempt:
    """Take one of the account's attempts."""
    with required():
        answer = await _reserve(
            keys=[account_key(site_id)], args=[settings.lockout_failures, settings.lockout_window_s]
        )
    allowed, ttl, first = cast(list[int], answer)
    return Attempt(bool(allowed), max(ttl, 1), bool(first))


async def give_back(site_id: str) -> None:
    """Return an attempt that never reached the password."""
    with required():
        await _give_back(keys=[account_key(site_id)])


async def forget(site_id: str) -> None:
    """Forget the failures: the right password was given."""
    with required():
        await redis.delete(account_key(site_id))
