-- Takes a message out of one list and puts it at the far end (last) of another.
--
-- KEYS[1]  list it lies in           KEYS[2]  list it goes to
-- KEYS[3]  hash of queues that hold everything new; KEYS[4]  ids that the target queue lets in
-- KEYS[5..] the lists that are taken from before the one it goes to
-- ARGV[1]  its exact bytes           ARGV[2]  LREM count: 1 searches from the far end, -1 from the near end
-- ARGV[3]  its bytes from now on     ARGV[4]  its run id          ARGV[5]  name of the target queue
-- Returns  its position in the target's line, or 0 when a worker was faster

local kind = redis.call('TYPE', KEYS[2]).ok
if kind ~= 'list' and kind ~= 'none' then
    return redis.error_reply('WRONGTYPE ' .. KEYS[2])  -- before anything is taken out
end
if redis.call('LREM', KEYS[1], ARGV[2], ARGV[1]) == 0 then
    return 0
end
local position = redis.call('LPUSH', KEYS[2], ARGV[3])
for i = 5, #KEYS do
    position = position + redis.call('LLEN', KEYS[i])
end
if redis.call('HEXISTS', KEYS[3], ARGV[5]) == 1 then
    redis.call('SADD', KEYS[4], ARGV[4])  -- a person sent it there
end
return position
