-- Gives a held message other bytes, in its place.
--
-- KEYS[1]  list of the held ones   ARGV[1]  its exact bytes   ARGV[2]  its bytes from now on
-- Returns  1, or 0 when it is not there any more

local index = redis.call('LPOS', KEYS[1], ARGV[1])
if not index then
    return 0
end
redis.call('LSET', KEYS[1], index, ARGV[2])
return 1
