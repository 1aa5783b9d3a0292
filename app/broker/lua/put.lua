-- Publishes a message: into the line, or among the held ones when that was asked for or the queue holds
-- everything new.
--
-- KEYS[1]  list of its level   KEYS[2]  list of the held ones   KEYS[3]  hash of who, when and why
-- KEYS[4]  hash of queues that hold everything new              KEYS[5]  ids that the queue lets in
-- ARGV[1]  its bytes           ARGV[2]  its run id              ARGV[3]  name of the queue
-- ARGV[4]  who asked to hold it, when and why, as JSON; or nothing
-- Returns  1 when it is held, else 0

local facts = ARGV[4]
if facts == '' then
    local mode = redis.call('HGET', KEYS[4], ARGV[3])
    if not mode or redis.call('SISMEMBER', KEYS[5], ARGV[2]) == 1 then
        redis.call('LPUSH', KEYS[1], ARGV[1])
        return 0
    end
    local now = redis.call('TIME')
    facts = '{"at": ' .. now[1] .. ', ' .. string.sub(mode, 2)
end
redis.call('LPUSH', KEYS[2], ARGV[1])
redis.call('HSET', KEYS[3], ARGV[2], facts)
return 1
