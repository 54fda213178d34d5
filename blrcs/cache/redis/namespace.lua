-- One operation on a namespace of the cache, as one step.
--
-- KEYS: 1 state, 2 signal, 3 uses, 4 deadlines, 5 sizes, 6 trash, 7 scratch; then the entries.
-- ARGV: 1 operation, 2 channel, 3 how much later it is than Redis's clock says (us),
--       4 max_entries, 5 max_bytes; then the operation's own.
--
-- The state is a hash. An entry is a string: generation, version and deadline (doubles, 0 stands for
-- no deadline), the length of the content type, the content type, the value. An entry of another
-- generation than the state's is none: it is of a flushed namespace, or of what another server had
-- written, and its memory is freed later. What is written to the signal concerns all entries.

local state, signal, uses, deadlines = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local sizes, trash, scratch = KEYS[5], KEYS[6], KEYS[7]
local operation, channel, max_entries, max_bytes = ARGV[1], ARGV[2], tonumber(ARGV[4]), tonumber(ARGV[5])
local FIRST_KEY, FIRST_ARG = 8, 6
local HEAD, HEAD_BYTES = '>dddH', 26
-- Redis's own expiry is for what nobody tends: who tends it tells of the end.
local GRACE_MS = 60000

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2] + tonumber(ARGV[3])
-- Changes when a server starts, and when a replica takes its master's place: from then on nothing is
-- trusted that was there before, since it may lack what the other had acknowledged.
local epoch = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
local known = redis.call('HMGET', state, 'epoch', 'generation', 'version', 'bytes')
local generation, version, bytes = tonumber(known[2]), tonumber(known[3]) or 0, tonumber(known[4]) or 0
local exists = known[1] == epoch and generation ~= nil

local function text(number)
    return string.format('%.0f', number)
end

local function tell(kind, of_version, key)
    redis.call('SPUBLISH', channel, kind .. text(of_version) .. ' ' .. key)
end

local function name_of(key)
    return signal .. ':' .. key
end

local function next_version()
    version = math.max(version + 1, now)
    return version
end

-- All entries that there are cease to be.
local function begin()
    generation = next_version()
    if redis.call('EXISTS', uses) == 1 then
        local old = trash .. ':' .. text(generation)
        redis.call('RENAME', uses, old)
        redis.call('RPUSH', trash, old)
    end
    redis.call('UNLINK', deadlines, sizes)
    bytes = 0
    redis.call('SET', signal, text(generation))
    redis.call('HSET', state, 'generation', text(generation))
end

-- Redis has evicted no part of the books, in two of which each entry stands.
local function books_are_whole()
    local count = redis.call('HLEN', sizes)
    return count == redis.call('ZCARD', uses) and (count == 0) == (bytes == 0)
end

-- The namespace is there, of this epoch, with its books.
local function ensure()
    if not exists then
        redis.call('DEL', state)
        redis.call('HSET', state, 'epoch', epoch)
    elseif books_are_whole() then
        return
    end
    begin()
    exists = true
end

local function save()
    redis.call('HSET', state, 'version', text(version), 'bytes', text(bytes))
end

local function use(key)
    redis.call('ZADD', uses, redis.call('HINCRBY', state, 'tick', 1), key)
end

-- Drops an entry, which may be gone from memory already.
local function lose(key, size)
    redis.call('UNLINK', name_of(key))
    redis.call('HDEL', sizes, key)
    redis.call('ZREM', uses, key)
    redis.call('ZREM', deadlines, key)
    bytes = bytes - size
    save()
end

-- The version and the deadline of an entry in memory; nil where there is none of this generation.
local function head_of(key)
    local head = redis.call('GETRANGE', name_of(key), 0, HEAD_BYTES - 1)
    if #head < HEAD_BYTES then
        return nil
    end
    local of_generation, of_version, deadline = struct.unpack(HEAD, head)
    if of_generation == generation then
        return of_version, deadline
    end
    return nil
end

local function end_entry(key, of_version, figure, kind)
    lose(key, tonumber(redis.call('HGET', sizes, key)) or 0)
    redis.call('HINCRBY', state, figure, 1)
    tell(kind, of_version, key)
end

-- The entry's octets, its version and its deadline; nil where there is none, any more.
local function find(key, name)
    local entry = redis.call('GET', name)
    if entry then
        local of_generation, of_version, deadline = struct.unpack(HEAD, entry)
        if of_generation == generation then
            if deadline == 0 or deadline > now then
                return entry, of_version, deadline
            end
            end_entry(key, of_version, 'expirations', 'x')
        end
    elseif redis.call('HEXISTS', sizes, key) == 1 then
        end_entry(key, 0, 'evictions', 'v')
    end
    return nil
end

local function put(key, name, content_type, value, deadline)
    local size = #key + #content_type + #value
    local before = redis.call('HGET', sizes, key)
    next_version()
    redis.call('SET', name, struct.pack(HEAD, generation, version, deadline, #content_type) .. content_type .. value)
    if deadline > 0 then
        redis.call('PEXPIREAT', name, text((deadline - tonumber(ARGV[3])) / 1000 + GRACE_MS))
        redis.call('ZADD', deadlines, text(deadline), key)
    elseif before then
        redis.call('ZREM', deadlines, key)
    end
    redis.call('HSET', sizes, key, size)
    bytes = bytes + size - (tonumber(before) or 0)
    use(key)
    while redis.call('HLEN', sizes) > max_entries or bytes > max_bytes do
        local coldest = redis.call('ZPOPMIN', uses)[1]
        if coldest == key or not coldest then
            break
        end
        end_entry(coldest, head_of(coldest) or 0, 'evictions', 'v')
    end
    save()
    tell('s', version, key)
end

local function deadline_of(ttl)
    return ttl > 0 and now + ttl or 0
end

local operations = {}

-- Ends with the entry by which the values become larger together than they may be.
function operations.get()
    local found = {text(now), epoch}
    if not exists then
        return found
    end
    local hits, misses, size = 0, 0, 0
    for number = FIRST_ARG + 1, #ARGV do
        local key = ARGV[number]
        local entry = find(key, KEYS[FIRST_KEY + number - FIRST_ARG - 1])
        found[#found + 1] = entry or ''
        if entry then
            hits = hits + 1
            use(key)
            local _, _, _, length = struct.unpack(HEAD, entry)
            size = size + #entry - HEAD_BYTES - length
            if size > tonumber(ARGV[FIRST_ARG]) then
                break
            end
        else
            misses = misses + 1
        end
    end
    if hits > 0 then
        redis.call('HINCRBY', state, 'hits', hits)
    end
    if misses > 0 then
        redis.call('HINCRBY', state, 'misses', misses)
    end
    return found
end

function operations.set()
    local key, content_type, value, ttl, presence, wanted = unpack(ARGV, FIRST_ARG)
    if #key + #content_type + #value > max_bytes then
        return -1
    end
    if not exists and (presence == 'present' or presence == 'version') then
        return 0
    end
    ensure()
    local entry, of_version = find(key, KEYS[FIRST_KEY])
    if presence == 'absent' and entry or presence == 'present' and not entry then
        return 0
    end
    if presence == 'version' and (not entry or text(of_version) ~= wanted) then
        return 0
    end
    put(key, KEYS[FIRST_KEY], content_type, value, deadline_of(tonumber(ttl)))
    return text(version)
end

function operations.increment()
    local key, content_type, delta, ttl = unpack(ARGV, FIRST_ARG)
    local number, deadline = '0', deadline_of(tonumber(ttl))
    local entry, of_version, of_deadline
    if exists then
        entry, of_version, of_deadline = find(key, KEYS[FIRST_KEY])
    end
    if entry then
        local _, _, _, length = struct.unpack(HEAD, entry)
        content_type = string.sub(entry, HEAD_BYTES + 1, HEAD_BYTES + length)
        number, deadline = string.sub(entry, HEAD_BYTES + length + 1), of_deadline
        local sign, digits = string.match(number, '^(-?)0*(%d+)$')
        if not digits or #number - #sign > 19 then
            return {'NOT_A_NUMBER'}
        end
        number = digits == '0' and digits or sign .. digits
    end
    -- Lua's numbers are not exact enough.
    redis.call('SET', scratch, number)
    local sum = redis.pcall('INCRBY', scratch, delta)
    number = redis.call('GET', scratch)
    redis.call('DEL', scratch)
    if type(sum) == 'table' then
        return {string.find(sum.err, 'overflow') and 'NUMBER_OUT_OF_RANGE' or 'NOT_A_NUMBER'}
    end
    if #key + #content_type + #number > max_bytes then
        return {'TOO_LARGE', text(#key + #content_type + #number)}
    end
    ensure()
    put(key, KEYS[FIRST_KEY], content_type, number, deadline)
    return {'', number, text(version)}
end

function operations.delete()
    local key = ARGV[FIRST_ARG]
    local entry, of_version
    if exists then
        entry, of_version = find(key, KEYS[FIRST_KEY])
    end
    if not entry then
        return 0
    end
    lose(key, tonumber(redis.call('HGET', sizes, key)) or 0)
    tell('d', of_version, key)
    return 1
end

function operations.touch()
    local key, ttl = unpack(ARGV, FIRST_ARG)
    local name = KEYS[FIRST_KEY]
    if not exists or not find(key, name) then
        return {text(now), epoch}
    end
    local deadline = deadline_of(tonumber(ttl))
    redis.call('SETRANGE', name, 16, struct.pack('>d', deadline))
    if deadline > 0 then
        redis.call('PEXPIREAT', name, text((deadline - tonumber(ARGV[3])) / 1000 + GRACE_MS))
        redis.call('ZADD', deadlines, text(deadline), key)
    else
        redis.call('PERSIST', name)
        redis.call('ZREM', deadlines, key)
    end
    use(key)
    return {text(now), epoch, redis.call('GET', name)}
end

function operations.figures()
    if not exists then
        return {}
    end
    local counted = redis.call('HMGET', state, 'hits', 'misses', 'evictions', 'expirations')
    local figures = {redis.call('HLEN', sizes), bytes}
    for number = 1, #counted do
        figures[#figures + 1] = tonumber(counted[number]) or 0
    end
    return figures
end

function operations.flush()
    if not exists then
        return 0
    end
    local dropped = redis.call('HLEN', sizes)
    begin()
    save()
    tell('f', 0, '')
    return dropped
end

function operations.use()
    if not exists then
        return 0
    end
    redis.call('HINCRBY', state, 'hits', ARGV[FIRST_ARG])
    for number = FIRST_ARG + 1, #ARGV do
        redis.call('ZADD', uses, 'XX', redis.call('HINCRBY', state, 'tick', 1), ARGV[number])
    end
    return 1
end

-- Frees memory of up to so many entries that are over or flushed.
function operations.reclaim()
    local limit = tonumber(ARGV[FIRST_ARG])
    if not exists then
        if not known[1] and redis.call('EXISTS', uses, trash) == 0 then
            return 0
        end
        ensure()
        save()
    end
    local over = redis.call('ZRANGEBYSCORE', deadlines, '-inf', text(now), 'LIMIT', 0, limit)
    for _, key in ipairs(over) do
        end_entry(key, head_of(key) or 0, 'expirations', 'x')
    end
    local freed, left = #over, limit - #over
    local old = redis.call('LINDEX', trash, 0)
    if old and left > 0 then
        local popped = redis.call('ZPOPMIN', old, left)
        for number = 1, #popped, 2 do
            if not head_of(popped[number]) then
                redis.call('UNLINK', name_of(popped[number]))
            end
        end
        freed = freed + #popped / 2
        if redis.call('EXISTS', old) == 0 then
            redis.call('LPOP', trash)
        end
    end
    return freed
end

-- Drops a namespace that holds nothing, not even what has yet to be freed: nobody would tend it.
function operations.drop()
    if redis.call('EXISTS', uses, trash) > 0 then
        return 0
    end
    redis.call('DEL', state)
    return 1
end

return operations[operation]()
