"""Lua of the realtime stream: numbering, storing and publishing a frame is one atomic call.

Keys per user (declared in utils/redis.py): the numbering `rt:{user}:meta` {epoch, seq, run}, the backfill
stream `rt:{user}:s`, a guard per event that makes a repeated push a no-op, and the register of open sockets.

`run` is the replication id of the server that began the epoch: one story of the data. Redis takes another one
at every start and at every promotion of a replica, and nobody can tell whether what it holds then is all that
it held before. So the epoch ends with it: a copy from yesterday is never taken for the stream.
"""

from __future__ import annotations

from ccops.backend.utils.redis import RT_CHANNEL, RT_GUARD, RT_META, RT_PROCESS, RT_SOCKETS, RT_STREAM

# As many as a client may miss and still be given: `~` keeps up to a hundred more, never fewer.
KEPT = 300
# Where INFO is not allowed there is no such id, and an epoch ends only when Redis lost everything.
_RUN_ID = """
local function run_id()
  local info = redis.pcall('INFO', 'replication')
  return type(info) == 'string' and string.match(info, 'master_replid:(%x+)') or ''
end
"""
RUN_ID = f"{_RUN_ID} return run_id()"

# The guard comes before any change: whatever the relay repeats after a lost answer changes nothing.
# KEYS[4] is the guard of the user's event before this one in the same pipeline: one that Redis refused (out
# of memory, or still loading) must not be overtaken by those behind it.
# XADD refuses an id that is not the highest: then the numbering was lost, and a new epoch starts at 1.
PUBLISH = f"""
{_RUN_ID}
if KEYS[4] and redis.call('EXISTS', KEYS[4]) == 0 then
  return redis.error_reply('ORDER the event before this one was not published')
end
if not redis.call('SET', KEYS[1], '1', 'NX', 'EX', {RT_GUARD.ttl_s}) then return 0 end
local meta, run = redis.call('HMGET', KEYS[2], 'epoch', 'run'), run_id()
local epoch = meta[1]
if not epoch or meta[2] ~= run then
  epoch = ARGV[1]
  redis.call('DEL', KEYS[2], KEYS[3])
  redis.call('HSET', KEYS[2], 'epoch', epoch, 'run', run)
end
local seq = redis.call('HINCRBY', KEYS[2], 'seq', 1)
local frame = ARGV[2] .. ',"seq":' .. seq .. ',"epoch":"' .. epoch .. '"}}'
local added = redis.pcall('XADD', KEYS[3], 'MAXLEN', '~', {KEPT}, seq .. '-0', 'f', frame)
if type(added) == 'table' and added.err then
  epoch = ARGV[1]
  seq = 1
  redis.call('DEL', KEYS[3])
  redis.call('HSET', KEYS[2], 'epoch', epoch, 'seq', 1, 'run', run)
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
{_RUN_ID}
local meta, run = redis.call('HMGET', KEYS[1], 'epoch', 'run', 'seq'), run_id()
local epoch, seq = meta[1], tonumber(meta[3] or '0')
if not epoch or meta[2] ~= run or (epoch == ARGV[2] and tonumber(ARGV[3]) > seq) then
  epoch = ARGV[1]
  seq = 0
  redis.call('DEL', KEYS[1], KEYS[2])
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'seq', 0, 'run', run)
end
redis.call('EXPIRE', KEYS[1], {RT_META.ttl_s})
local first = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)
return {{epoch, seq, first[1] and first[1][1] or '', run}}
"""

# Two different events carried the same number: start over, unless somebody did already.
ROTATE = f"""
{_RUN_ID}
if redis.call('HGET', KEYS[1], 'epoch') == ARGV[2] then
  redis.call('DEL', KEYS[1], KEYS[2])
  redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'seq', 0, 'run', run_id())
  redis.call('EXPIRE', KEYS[1], {RT_META.ttl_s})
end
return 1
"""

# Members are `process/connection` in order of arrival. Those of a process that died do not count.
_OPEN = """
local function open_sockets()
  local open = {}
  for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    local process = string.match(member, '^[^/]*')
    if redis.call('EXISTS', 'rt:proc:' .. process) == 1 then
      open[#open + 1] = member
    else
      redis.call('ZREM', KEYS[1], member)
    end
  end
  return open
end
"""
_ADD = f"""
local newest = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
redis.call('ZADD', KEYS[1], tonumber(newest[2] or '0') + 1, ARGV[1])
redis.call('EXPIRE', KEYS[1], {RT_SOCKETS.ttl_s})
"""
ENTER = f"""
{_OPEN}
redis.call('SET', KEYS[2], '1', 'EX', {RT_PROCESS.ttl_s})
local open = open_sockets()
{_ADD}
local gone = {{}}
for at = 1, #open + 1 - tonumber(ARGV[2]) do
  redis.call('ZREM', KEYS[1], open[at])
  gone[at] = open[at]
end
if #gone > 0 then
  redis.call('PUBLISH', '{RT_CHANNEL}', '{{"control":"replaced","sockets":' .. cjson.encode(gone) .. '}}')
end
return #gone
"""
# A socket that the register does not name: replaced when newer ones fill it, else only forgotten (Redis lost
# the register, or was away for longer than a process is taken for alive).
STAY = f"""
{_OPEN}
redis.call('SET', KEYS[2], '1', 'EX', {RT_PROCESS.ttl_s})
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 1 end
if #open_sockets() >= tonumber(ARGV[2]) then return 0 end
{_ADD}
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


def sockets_key(user_id: int) -> str:
    """Return the key of the user's open sockets, over all processes."""
    return f"rt:{user_id}:sockets"


def process_key(process: str) -> str:
    """Return the key that exists while a process serves sockets."""
    return f"rt:proc:{process}"
