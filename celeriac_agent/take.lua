-- Notes that a worker took a message, unless the worker or the queue is paused, or the queue holds everything
-- new: then it goes back to the front of the line, or among the held ones, and must not be run. A message that
-- was not popped yet, because the worker takes it past others, is taken out of the line here.
--
-- KEYS[1]  kombu's hash of unacknowledged messages   KEYS[2]  its index
-- KEYS[3]  hash of paused queues                     KEYS[4]  list of the message's level
-- KEYS[5]  hash of queues that hold everything new   KEYS[6]  ids that the queue lets in
-- KEYS[7]  list of the held ones                     KEYS[8]  hash of who, when and why
-- KEYS[9]  hash of paused workers
-- ARGV[1]  delivery tag      ARGV[2]  now, in epoch seconds   ARGV[3]  the message's bytes
-- ARGV[4]  its exchange and routing key, each as JSON, separated by a comma
-- ARGV[5]  run id            ARGV[6]  name of the queue        ARGV[7]  the worker's name, or nothing
-- ARGV[8]  its bytes as they stand in the line, if it still stands there; else nothing
-- ARGV[9]  end of its bytes, in place of the brace, where they are to say which process took it; else nothing
-- Returns  'taken' | 'paused' | 'held' | 'gone'

if redis.call('HEXISTS', KEYS[3], ARGV[6]) == 1 or redis.call('HEXISTS', KEYS[9], ARGV[7]) == 1 then
    if ARGV[8] == '' then
        redis.call('RPUSH', KEYS[4], ARGV[3])
    end
    return 'paused'
end
if ARGV[8] ~= '' and redis.call('LREM', KEYS[4], -1, ARGV[8]) == 0 then
    return 'gone' -- another worker was faster, or a person moved it
end
local mode = redis.call('HGET', KEYS[5], ARGV[6])
if mode and redis.call('SISMEMBER', KEYS[6], ARGV[5]) == 0 then
    redis.call('LPUSH', KEYS[7], ARGV[3])
    redis.call('HSET', KEYS[8], ARGV[5], '{"at": ' .. ARGV[2] .. ', ' .. string.sub(mode, 2))
    return 'held'
end
-- As kombu does it: `QoS.append` in kombu/transport/redis.py.
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
local bytes = ARGV[3]
if ARGV[9] ~= '' then
    bytes = string.sub(bytes, 1, -2) .. ARGV[9]
end
redis.call('HSET', KEYS[1], ARGV[1], '[' .. bytes .. ', ' .. ARGV[4] .. ']')
return 'taken'
