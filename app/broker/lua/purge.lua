-- Empties a queue's line into the trash, where it can be taken back from for a while.
--
-- KEYS     the lists of the levels, then in the same order their lists in the trash
-- ARGV[1]  seconds until the trash is emptied
-- Returns  the number of messages

local levels, removed = #KEYS / 2, 0
for i = 1, levels do
    local size = redis.call('LLEN', KEYS[i])
    if size > 0 then
        redis.call('RENAME', KEYS[i], KEYS[levels + i])
        redis.call('EXPIRE', KEYS[levels + i], ARGV[1])
        removed = removed + size
    end
end
return removed
