-- Notes that the copy which a worker had taken waits again, unless another worker has taken it since.
--
-- KEYS[1]  the run's copies   ARGV[1]  worker
-- Returns  1 | 0

local facts = redis.call('HMGET', KEYS[1], 'worker', 'taken')
if facts[1] ~= ARGV[1] or not facts[2] then
    return 0
end
redis.call('HSET', KEYS[1], 'copy', facts[2])
redis.call('HDEL', KEYS[1], 'attempt', 'taken', 'worker')
return 1
