-- Moves a waiting message to another place in its queue's line.
--
-- KEYS      the lists of the queue's levels, most urgent first
-- ARGV[1]   number of the level (from 1) in which the message lies
-- ARGV[2]   the message's exact bytes
-- ARGV[3]   position in the line where it was seen, to search from the nearer end
-- ARGV[4]   'before' | 'after' | 'position'
-- ARGV[5]   the neighbour's exact bytes, or the wanted position ('last' or a number, 1 = next)
-- ARGV[6]   number of the neighbour's level   } 0 with 'position'
-- ARGV[7]   position where it was seen        }
-- ARGV[8]   bytes kept in front of the priority; ARGV[9] bytes skipped before the rest is kept;
--           both -1: the message has no place for a priority and keeps its bytes
-- ARGV[10..] what stands there in each level
-- Returns   {'moved', position, level} | {'taken'} | {'neighbour-gone'} | {'range', waiting}

local source, raw = tonumber(ARGV[1]), ARGV[2]
local how, target, level = ARGV[4], ARGV[5], tonumber(ARGV[6])
local head, tail = tonumber(ARGV[8]), tonumber(ARGV[9])

local sizes, waiting = {}, 0
for i, key in ipairs(KEYS) do
    sizes[i] = redis.call('LLEN', key)
    waiting = waiting + sizes[i]
end

local function ahead_of(i)
    local ahead = 0
    for j = 1, i - 1 do
        ahead = ahead + sizes[j]
    end
    return ahead
end

-- Kombu takes from the right end: what stands to the right is taken sooner. LREM and LPOS take -1 for that end.
local function nearer_end(i, seen)
    return (seen - ahead_of(i)) * 2 <= sizes[i] and -1 or 1
end

local function take_out()
    if redis.call('LREM', KEYS[source], nearer_end(source, tonumber(ARGV[3])), raw) == 0 then
        return false
    end
    sizes[source] = sizes[source] - 1
    waiting = waiting - 1
    return true
end

local function bytes_in(i)
    if i == source or head < 0 then
        return raw
    end
    return string.sub(raw, 1, head) .. ARGV[9 + i] .. string.sub(raw, tail + 1)
end

local function level_at(position)
    local i = 1
    while position > ahead_of(i) + sizes[i] do
        i = i + 1
    end
    return i
end

-- Index of the neighbour from the left: at once where it was seen, else by looking for it.
local function neighbour_index()
    local seen = tonumber(ARGV[7])
    local index = ahead_of(level) + sizes[level] - seen
    if index >= 0 and redis.call('LINDEX', KEYS[level], index) == target then
        return index
    end
    return redis.call('LPOS', KEYS[level], target, 'RANK', nearer_end(level, seen))
end

local function to_neighbour()
    local index = neighbour_index()
    if not index then
        return {'neighbour-gone'}
    end
    if not take_out() then
        return {'taken'}
    end
    if level == source and redis.call('LINDEX', KEYS[level], index) ~= target then
        index = index - 1  -- the message stood to its left
    end
    local where = how == 'before' and 'AFTER' or 'BEFORE'
    redis.call('LINSERT', KEYS[level], where, target, bytes_in(level))
    sizes[level] = sizes[level] + 1
    return {'moved', ahead_of(level) + sizes[level] - (where == 'AFTER' and index + 1 or index), level}
end

local function to_position()
    local position = target == 'last' and waiting or tonumber(target)
    if position > waiting then
        return {'range', waiting}
    end
    if not take_out() then
        return {'taken'}
    end
    -- It keeps its priority where that fits between the two it comes to stand between, else takes the nearer.
    level = source
    if position > 1 then
        level = math.max(level, level_at(position - 1))
    end
    if position <= waiting then
        level = math.min(level, level_at(position))
    end
    local nth = position - ahead_of(level)  -- its place in the level, from the right
    local bytes = bytes_in(level)
    if nth == 1 then
        redis.call('RPUSH', KEYS[level], bytes)
    elseif nth > sizes[level] then
        redis.call('LPUSH', KEYS[level], bytes)
    else
        redis.call('LINSERT', KEYS[level], 'AFTER', redis.call('LINDEX', KEYS[level], -nth), bytes)
    end
    return {'moved', position, level}
end

if how == 'position' then
    return to_position()
end
return to_neighbour()
