-- Lets only this copy of a waiting run's message run, unless a worker has taken another or it is cancelled.
--
-- KEYS[1]  the run's copies   ARGV[1]  copy   ARGV[2]  seconds to remember
-- Returns  1 | 0

local facts = redis.call('HMGET', KEYS[1], 'cancelled', 'taken')
if facts[1] then
    return 0
end
if facts[2] then
    return facts[2] == ARGV[1] and 1 or 0
end
redis.call('HSET', KEYS[1], 'copy', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
