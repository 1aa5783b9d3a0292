-- Sets aside a message that a worker took but has not started, because its queue holds everything new.
--
-- KEYS[1]  kombu's hash of unacknowledged messages   KEYS[2]  its index
-- KEYS[3]  hash of queues that hold everything new   KEYS[4]  ids that the queue lets in
-- KEYS[5]  list of the held ones                     KEYS[6]  hash of who, when and why
-- ARGV[1]  delivery tag   ARGV[2]  run id   ARGV[3]  name of the queue   ARGV[4]  the message's bytes
-- ARGV[5]  now, in epoch seconds
-- Returns  1 when it is held now and must not be run, else 0

local mode = redis.call('HGET', KEYS[3], ARGV[3])
if not mode or redis.call('SISMEMBER', KEYS[4], ARGV[2]) == 1 then
    return 0
end
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then
    return 0
end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('LPUSH', KEYS[5], ARGV[4])
redis.call('HSET', KEYS[6], ARGV[2], '{"at": ' .. ARGV[5] .. ', ' .. string.sub(mode, 2))
return 1
