-- Sets a waiting message aside.
--
-- KEYS[1]  list it lies in    KEYS[2]  list of the held ones    KEYS[3]  hash of who, when and why
-- ARGV[1]  its exact bytes    ARGV[2]  LREM count               ARGV[3]  its run id
-- ARGV[4]  who, when and why, as JSON
-- Returns  1, or 0 when a worker was faster

if redis.call('LREM', KEYS[1], ARGV[2], ARGV[1]) == 0 then
    return 0
end
redis.call('LPUSH', KEYS[2], ARGV[1])
redis.call('HSET', KEYS[3], ARGV[3], ARGV[4])
return 1
