-- Counts, as `counters.Counters` does in memory. A hash holds the numbers, a sorted set when each is forgotten.
-- Neither has a lifetime of its own, so the policies volatile-* never evict them for the sake of cached answers.
-- KEYS: hash, sorted set. ARGV: field, by, lifetime in ms, how many there may be.
local numbers, expiries, field = KEYS[1], KEYS[2], ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function drop(fields)
  if #fields > 0 then
    redis.call('HDEL', numbers, unpack(fields))
    redis.call('ZREM', expiries, unpack(fields))
  end
end

drop(redis.call('ZRANGEBYSCORE', expiries, '-inf', now, 'LIMIT', 0, 100))
local expires = tonumber(redis.call('ZSCORE', expiries, field) or now)
if expires <= now then
  drop({field})
  expires = now + ARGV[3]
  if redis.call('ZCARD', expiries) >= tonumber(ARGV[4]) then
    drop(redis.call('ZRANGE', expiries, 0, 0))
  end
end

local number = redis.call('HINCRBY', numbers, field, ARGV[2])
if number > 0 then
  redis.call('ZADD', expiries, expires, field)
else
  drop({field})
end
return {number, expires - now}
