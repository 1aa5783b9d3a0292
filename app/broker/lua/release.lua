-- Puts a held message back into its queue's line.
--
-- KEYS[1]  list of the held ones     KEYS[2]  hash of who, when and why
-- KEYS[3]  hash of queues that hold everything new; KEYS[4]  ids that this queue lets in
-- KEYS[5..] the lists of the queue's levels, most urgent first
-- ARGV[1]  its exact bytes           ARGV[2]  its run id          ARGV[3]  name of the queue
-- ARGV[4]  'front' | 'back' (of the whole line) | 'sent' (last of its own priority)
-- ARGV[5]  number of its own level   ARGV[6]  bytes kept in front of the priority
-- ARGV[7]  bytes skipped before the rest is kept (both -1: it keeps its bytes)
-- ARGV[8..] what stands there in each level
-- Returns  {'released', position, level} | {'gone'}

local raw, where, own = ARGV[1], ARGV[4], tonumber(ARGV[5])
local head, tail = tonumber(ARGV[6]), tonumber(ARGV[7])
local levels = #KEYS - 4

local sizes, first, last = {}, own, own
for i = 1, levels do
    sizes[i] = redis.call('LLEN', KEYS[4 + i])
    if sizes[i] > 0 then
        first = math.min(first, i)
        last = math.max(last, i)
    end
end
if redis.call('LREM', KEYS[1], -1, raw) == 0 then
    return {'gone'}
end

local level = where == 'front' and first or where == 'back' and last or own
local bytes = raw
if level ~= own and head >= 0 then
    bytes = string.sub(raw, 1, head) .. ARGV[7 + level] .. string.sub(raw, tail + 1)
end
redis.call(where == 'front' and 'RPUSH' or 'LPUSH', KEYS[4 + level], bytes)
redis.call('HDEL', KEYS[2], ARGV[2])
if redis.call('HEXISTS', KEYS[3], ARGV[3]) == 1 then
    redis.call('SADD', KEYS[4], ARGV[2])
end

local position = where == 'front' and 1 or sizes[level] + 1
for i = 1, level - 1 do
    position = position + (where == 'front' and 0 or sizes[i])
end
return {'released', position, level}
