"""Lua of the realtime stream: numbering, storing and publishing a frame is one atomic call.

Keys per user (declared in utils/redis.py): the numbering `rt:{user}:meta` {epoch, seq}, the backfill stream
`rt:{user}:s`, and a guard per event that makes a repeated push a no-op.
"""

from __future__ import annotations

from ccops.backend.utils.redis import RT_GUARD, RT_META, RT_STREAM

KEPT = 256

# The guard is first: whatever the relay repeats after a lost answer changes nothing.
# XADD refuses an id that is not the highest: then the numbering was lost, and a new epoch starts at 1.
PUBLISH = f"""
if not redis.call('SET', KEYS[1], '1', 'NX', 'EX', {RT_GUARD.ttl_s}) then return 0 end
local epoch = redis.call('HGET', KEYS[2], 'epoch')
if not epoch then
  epoch = ARGV[1]
  redis.call('DEL', KEYS[2], KEYS[3])
  redis.call('HSET', KEYS[2], 'epoch', epoch)
end
local seq = redis.call('HINCRBY', KEYS[2], 'seq', 1)
local frame = ARGV[2] .. ',"seq":' .. seq .. ',"epoch":"' .. epoch .. '"}}'
local added = redis.pcall('XADD', KEYS[3], 'MAXLEN', '~', {KEPT}, seq .. '-0', 'f', frame)
if type(added) == 'table' and added.err then
  epoch = ARGV[1]
  seq = 1
  redis.call('DEL', KEYS[3])
  redis.call('HSET', KEYS[2], 'epoch', epoch, 'seq', 1)
  frame = ARGV[2] .. ',"seq":1,"epoch":"' .. epoch .. '"}}'
  redis.call('XADD', KEYS[3], '1-0', 'f', frame)
end
redis.call('EXPIRE', KEYS[2], {RT_META.ttl_s})
redis.call('EXPIRE', KEYS[3], {RT_STREAM.ttl_s})
redis.call('PUBLISH', ARGV[3], frame)
return seq
"""

# A client that saw more than the stream holds proves that the stream was lost: it gets a new epoch.
JOIN = f"""
local epoch = redis.call('HGET', KEYS[1], 'epoch')
local seq = tonumber(redis.call('HGET', KEYS[1], 'seq') or '0')
if not epoch or (epoch == ARGV[2] and tonumber(ARGV[3]) > seq) then
  epoch = ARGV[1]
  seq = 0
  redis.call('DEL', KEYS[1], KEYS[2])
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'seq', 0)
end
redis.call('EXPIRE', KEYS[1], {RT_META.ttl_s})
local first = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)
return {{epoch, seq, first[1] and first[1][1] or ''}}
"""

# Two different events carried the same number: start over, unless somebody did already.
ROTATE = """
if redis.call('HGET', KEYS[1], 'epoch') == ARGV[2] then
  redis.call('DEL', KEYS[1], KEYS[2])
  redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'seq', 0)
end
return 1
"""


def meta_key(user_id: int) -> str:
    """Return the key of the user's numbering."""
    return f"rt:{user_id}:meta"


def stream_key(user_id: int) -> str:
    """Return the key of the user's backfill stream."""
    return f"rt:{user_id}:s"


def guard_key(user_id: int, event_id: str) -> str:
    """Return the key that exists once the event was pushed."""
    return f"rt:{user_id}:ev:{event_id}"
