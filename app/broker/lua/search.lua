-- The messages of a part of a list that may be those of wanted runs; who asked reads them to be sure.
--
-- KEYS[1]  the list         ARGV[1], ARGV[2]  the part, as LRANGE takes it
-- ARGV[3]  1 when foreign ids (made from a hash of the bytes) are among the wanted
-- ARGV[4..] the wanted ids, as they stand in JSON
-- Returns  {how many were looked at, message, …}, from the right end of the part to the left

local PLAIN_MAX = 4  -- so many ids are looked for one by one; more, by reading the ids of each message

local raws = redis.call('LRANGE', KEYS[1], ARGV[1], ARGV[2])
local found, wanted, plain = {#raws}, {}, {}
for i = 4, #ARGV do
    wanted[ARGV[i]] = true
    if #ARGV - 3 <= PLAIN_MAX or string.find(ARGV[i], '\\', 1, true) then
        plain[#plain + 1] = ARGV[i]
    end
end

local function named_in(raw)
    for _, id in ipairs(plain) do
        if string.find(raw, id, 1, true) then
            return true
        end
    end
    if #ARGV - 3 <= PLAIN_MAX then
        return false
    end
    for id in string.gmatch(raw, '"id"%s*:%s*"([^"]*)"') do
        if wanted[id] then
            return true
        end
    end
    return false
end

for i = #raws, 1, -1 do
    local raw = raws[i]
    -- Celery's protocol 1 hides task and id in the encoded body, so what names no task has to be read.
    if named_in(raw) or not string.find(raw, '"task"', 1, true)
        or ARGV[3] == '1' and wanted['foreign-' .. redis.sha1hex(raw)] then
        found[#found + 1] = raw
    end
end
return found
