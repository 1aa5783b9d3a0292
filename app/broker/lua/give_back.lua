-- Gives back a message that a dead worker had taken: out of the unacknowledged ones, to the front of its level
-- or, with nothing to push, away for good.
--
-- KEYS[1]  hash of the unacknowledged   KEYS[2]  their index by time   KEYS[3]  list of its level
-- ARGV[1]  delivery tag                 ARGV[2]  bytes to push, or nothing
-- Returns  1, or 0 when it has been acknowledged or given back meanwhile

if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then
    return 0
end
redis.call('ZREM', KEYS[2], ARGV[1])
if ARGV[2] ~= '' then
    redis.call('RPUSH', KEYS[3], ARGV[2])
end
return 1
