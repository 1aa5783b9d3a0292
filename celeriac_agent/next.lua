-- Finds the message that a worker takes next, past those of tasks that it may not start now. Changes nothing.
--
-- KEYS     the lists to take from, in order
-- ARGV[1]  how many texts name the tasks to be passed, then these texts, as they stand in a message
-- then     for each list the message up to which all are known to be of such tasks, or nothing
-- Returns  {how many wait in all, list (0: none), message, how many were looked at,
--           for each list how far all are of such tasks}

local CHUNK = 100
local count = tonumber(ARGV[1])
local marks, waiting, looked = {}, 0, 0

local function passed(message)
    for i = 2, count + 1 do
        if string.find(message, ARGV[i], 1, true) then
            return true
        end
    end
    return false
end

for i = 1, #KEYS do
    marks[i] = ARGV[count + 1 + i]
end
for i = 1, #KEYS do
    local size = redis.call('LLEN', KEYS[i])
    local right = size - 1
    waiting = waiting + size
    if size > 0 and marks[i] ~= '' then
        local known = redis.call('LPOS', KEYS[i], marks[i])
        if known then
            right = known - 1
        end
    end
    while right >= 0 do
        local items = redis.call('LRANGE', KEYS[i], math.max(right - CHUNK + 1, 0), right)
        for j = #items, 1, -1 do
            looked = looked + 1
            if not passed(items[j]) then
                return {waiting, i, items[j], looked, marks}
            end
            marks[i] = items[j]
        end
        right = right - CHUNK
    end
end
return {waiting, 0, '', looked, marks}
