-- Undoes a purge: what was removed comes first again, what came in meanwhile after it.
--
-- KEYS     the lists of the levels, then in the same order their lists in the trash
-- Returns  the number of messages that are back

local levels, restored = #KEYS / 2, 0
for i = 1, levels do
    local line, trash = KEYS[i], KEYS[levels + i]
    local size = redis.call('LLEN', trash)
    if size > 0 then
        local newer = redis.call('RPOP', line)
        while newer do
            redis.call('LPUSH', trash, newer)
            newer = redis.call('RPOP', line)
        end
        redis.call('RENAME', trash, line)
        redis.call('PERSIST', line)
        restored = restored + size
    end
end
return restored
