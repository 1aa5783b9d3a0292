-- Lets no copy of a waiting run's message run, unless a worker has taken one.
--
-- KEYS[1]  the run's copies   ARGV[1]  seconds to remember
-- Returns  1 | 0

if redis.call('HEXISTS', KEYS[1], 'taken') == 1 then
    return 0
end
redis.call('HSET', KEYS[1], 'cancelled', 1)
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1
