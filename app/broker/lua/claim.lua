-- May a worker run this copy of a run's message? Claims the run for it if so.
--
-- KEYS[1]  the run's copies
-- ARGV[1]  attempt   ARGV[2]  copy   ARGV[3]  worker   ARGV[4]  1 if it was delivered before
-- ARGV[5]  how often an attempt may be started   ARGV[6]  seconds to remember
-- Returns  1 | 0

local facts = redis.call('HMGET', KEYS[1], 'cancelled', 'copy', 'attempt', 'taken', 'starts')
local cancelled, wanted, attempt, taken = facts[1], facts[2], tonumber(facts[3] or -1), facts[4]
local starts, own = tonumber(facts[5] or 0), tonumber(ARGV[1])
if cancelled or attempt > own then
    return 0
end
if attempt == own and (taken ~= ARGV[2] or ARGV[4] ~= '1') then
    return 0 -- another copy, or the same published twice; what RabbitMQ delivers again is the one that was taken
end
if attempt < 0 and wanted and wanted ~= ARGV[2] then
    return 0
end
if attempt >= 0 and attempt < own then
    starts = 0
end
if starts >= tonumber(ARGV[5]) then
    redis.call('HSET', KEYS[1], 'cancelled', 1)
    return 0
end
redis.call('HSET', KEYS[1], 'attempt', own, 'taken', ARGV[2], 'worker', ARGV[3], 'starts', starts + 1)
redis.call('EXPIRE', KEYS[1], ARGV[6])
return 1
