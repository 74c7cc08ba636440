"""The operations of a Redis state as Lua scripts: each runs alone, and does all or nothing.

Of each table there are a hash of entries (a version of 32 digits, then the value) and two sorted sets: of the keys, for
their order, and of the moments when they expire. Of the budgets, there is a sorted set with the theoretical arrival
times. Moments are microseconds since the epoch, below 2^53: doubles hold them exactly, and so do scores.

Redis' own expiry is not used: it goes by whole keys, of which there would be as many as entries, and could not be told
another time in a test. Commands are those of Redis 6.2 and of every Valkey.
"""

from gateway.state.state import Table

_BITE = 20
"""Entries that are over and are removed with each write: more than one write adds, and less than anybody notices."""

_CLOCK = """
local function moment(given)
    if given ~= '' then return tonumber(given) end
    local time = redis.call('TIME')
    return tonumber(time[1]) * 1000000 + tonumber(time[2])
end
local function digits(number) return string.format('%.0f', number) end
"""

_ENTRIES = """
local entries, order, expiries = KEYS[1], KEYS[2], KEYS[3]
local function stands(key, now)
    local expires = redis.call('ZSCORE', expiries, key)
    return expires and tonumber(expires) > now
end
local function version(key, now)
    return stands(key, now) and redis.call('HGET', entries, key):sub(1, 32) or ''
end
local function erase(key)
    redis.call('HDEL', entries, key)
    redis.call('ZREM', order, key)
    redis.call('ZREM', expiries, key)
end
"""

GET = f"""{_CLOCK}{_ENTRIES}
local now, key = moment(ARGV[1]), ARGV[2]
return stands(key, now) and redis.call('HGET', entries, key)
"""

PUT = f"""{_CLOCK}{_ENTRIES}
local now, key, entry, expires, replaces = moment(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if version(key, now) ~= replaces then return 0 end
redis.call('HSET', entries, key, entry)
redis.call('ZADD', order, 0, key)
redis.call('ZADD', expiries, expires, key)
for _, old in ipairs(redis.call('ZRANGE', expiries, '-inf', digits(now), 'BYSCORE', 'LIMIT', 0, {_BITE})) do
    erase(old)
end
return 1
"""
"""It writes before it removes: a server without memory refuses the first write of a script, and no later one."""

REMOVE = f"""{_CLOCK}{_ENTRIES}
local now, key = moment(ARGV[1]), ARGV[2]
if version(key, now) ~= ARGV[3] then return 0 end
erase(key)
return 1
"""

PAGE = f"""{_CLOCK}{_ENTRIES}
local now, limit = moment(ARGV[1]), tonumber(ARGV[3])
local from = ARGV[2] == '' and '-' or '(' .. ARGV[2]
local found = {{}}
while #found < 2 * limit do
    local keys = redis.call('ZRANGE', order, from, '+', 'BYLEX', 'LIMIT', 0, 100)
    if #keys == 0 then break end
    for _, key in ipairs(keys) do
        if #found < 2 * limit and stands(key, now) then
            table.insert(found, key)
            table.insert(found, redis.call('HGET', entries, key))
        end
    end
    from = '(' .. keys[#keys]
end
return found
"""

SPEND = f"""{_CLOCK}
local budgets, now = KEYS[1], moment(ARGV[1])
local worst, which, tats = 0, 0, {{}}
for i = 2, #ARGV, 4 do
    local interval, tolerance, quantity = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
    tats[i] = math.max(tonumber(redis.call('ZSCORE', budgets, ARGV[i]) or 0), now)
    local lacking = tats[i] + interval * math.max(quantity, 1) - tolerance - now
    if lacking > worst then worst, which = lacking, i end
    tats[i] = tats[i] + interval * quantity
end
if worst > 0 then return {{(which - 2) / 4, digits(worst)}} end
for i = 2, #ARGV, 4 do
    if tonumber(ARGV[i + 3]) > 0 then redis.call('ZADD', budgets, digits(tats[i]), ARGV[i]) end
end
for _, earned in ipairs(redis.call('ZRANGE', budgets, '-inf', digits(now), 'BYSCORE', 'LIMIT', 0, {_BITE})) do
    redis.call('ZREM', budgets, earned)
end
return false
"""
"""`gateway.state.gcra`, once more."""

GIVE_BACK = """
for i = 1, #ARGV, 2 do
    redis.call('ZADD', KEYS[1], 'XX', 'INCR', '-' .. ARGV[i + 1], ARGV[i])
end
"""


def keys_of_table(prefix: str, table: Table) -> list[str]:
    """Those of GET, PUT, REMOVE and PAGE. The braces put all of them into one slot of a cluster."""
    return [f"{{{prefix}}}:{table}:{part}" for part in ("entries", "order", "expiries")]


def keys_of_budgets(prefix: str) -> list[str]:
    """That of SPEND and GIVE_BACK."""
    return [f"{{{prefix}}}:budgets"]
