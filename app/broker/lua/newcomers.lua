-- What came into lists since somebody last looked, of messages whose sender told nobody of them.
--
-- KEYS      lists; new messages come in at their left end
-- ARGV[1]   how many of each to pass over       ARGV[2]  how many of each to look at, at most
-- ARGV[3..] for each list the SHA-1 of the message that was its newest then, or ''
-- Returns   for each list {SHA-1 of its newest now or '', 1 when there is more to look at, message, …}

local PIECE = 100

local function look(key, seen)
    local newest = redis.call('LINDEX', key, 0)
    if not newest then
        return {'', 0}
    end
    local found, done, last = {redis.sha1hex(newest), 0}, tonumber(ARGV[1]), ARGV[1] + ARGV[2]
    while done < last do
        local raws = redis.call('LRANGE', key, done, math.min(done + PIECE, last) - 1)
        for _, raw in ipairs(raws) do
            if seen ~= '' and redis.sha1hex(raw) == seen then
                return found
            end
            if not string.find(raw, '"celeriac"%s*:%s*{') then
                found[#found + 1] = raw
            end
        end
        done = done + #raws
        if #raws < PIECE and done < last then
            return found
        end
    end
    found[2] = 1
    return found
end

local answers = {}
for place, key in ipairs(KEYS) do
    answers[place] = look(key, ARGV[place + 2])
end
return answers
