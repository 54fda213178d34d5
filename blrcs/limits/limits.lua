-- Counts what calls take under limits, as the native limiter does (limit_algorithm.pyx).
--
-- KEYS are cells, all in one slot. ARGV[1] is the time in microseconds since the Unix epoch; empty
-- outside of tests, and then it is the server's. ARGV[2] is a list of calls in JSON: each is what to
-- do and, in the order of KEYS, of each of its cells the rule and what to take. The reply has, packed,
-- an answer to each call: whether it is allowed and how long to wait if not, and how each cell stands.
--
-- Numbers are doubles, so every value stays a whole number below 2^53: periods are below 2^45
-- microseconds, limits and costs that can be admitted at most 10^9, and products of the two are
-- divided digit by digit. `%` and division are not exact for all of these; math.fmod is.
--
-- States, all of them packed doubles; a cell that is not there has taken nothing:
--   GCRA         whole requests that count, a rest in 1/period of a request, when that was so
--   windows      the window's number, its count, the count of the one before
--   concurrency  the newest slice's number, what is held in each of six

local CONSUME, CHECK, REFUND, PEEK, RESET, RETURN = 0, 1, 2, 3, 4, 5
local GCRA, FIXED, SLIDING, CONCURRENCY = 1, 2, 3, 4
local SLICES = 6
local EXACT = 9007199254740992 -- 2^53
local NEVER = -1
local MAX_EXPIRY_MS = 1e13
-- Of what is left a share takes at most one part in so many, so that others find some too.
local FAIR_PART = 4
local floor, ceil, fmod = math.floor, math.ceil, math.fmod
local min, max = math.min, math.max

-- a * b / m, and what remains; a below 2^31, b and m below 2^45.
local function divided(a, b, m)
  local product = a * b
  if product < EXACT then
    local rest = fmod(product, m)
    return (product - rest) / m, rest
  end
  local quotient, rest, unit = 0, 0, 1
  while unit * 128 <= a do unit = unit * 128 end
  while unit >= 1 do
    local digit = floor(a / unit)
    a = a - digit * unit
    product = rest * 128 + digit * b
    rest = fmod(product, m)
    quotient = quotient * 128 + (product - rest) / m
    unit = unit / 128
  end
  return quotient, rest
end

-- Every `load_` brings the state to now; a clock that went back stands still for the cell.
local function load_gcra(cell, raw, now)
  local whole, part, at = 0, 0, now
  if raw then whole, part, at = struct.unpack('<ddd', raw) end
  if now > at then
    local rest = fmod(now - at, cell.period)
    whole = whole - (now - at - rest) / cell.period * cell.limit
    if whole >= 0 then
      local drained, left = divided(cell.limit, rest, cell.period)
      whole, part = whole - drained, part - left
      if part < 0 then whole, part = whole - 1, part + cell.period end
    end
    if whole < 0 then whole, part = 0, 0 end
    at = now
  end
  cell.whole, cell.part, cell.now = whole, part, at
end

local function load_window(cell, raw, now)
  local current_number = (now - fmod(now, cell.period)) / cell.period
  local number, current, previous = current_number, 0, 0
  if raw then number, current, previous = struct.unpack('<ddd', raw) end
  if number < current_number then
    previous = number == current_number - 1 and current or 0
    number, current = current_number, 0
  end
  cell.number, cell.current, cell.previous = number, current, previous
  cell.now = max(now, number * cell.period)
  cell.rest = (number + 1) * cell.period - cell.now
end

local function load_slices(cell, raw, now)
  local width = ceil(cell.period / (SLICES - 1))
  local newest = (now - fmod(now, width)) / width
  local held = {0, 0, 0, 0, 0, 0}
  local slice = newest
  if raw then
    slice, held[1], held[2], held[3], held[4], held[5], held[6] = struct.unpack('<ddddddd', raw)
  end
  for fresh = max(slice + 1, newest - SLICES + 1), newest do held[fmod(fresh, SLICES) + 1] = 0 end
  cell.slice, cell.held, cell.width = max(slice, newest), held, width
  cell.now = max(now, cell.slice * width)
end

-- What counts, in whole requests, rounded up: a cost fits where both are within the burst.
local function used(cell)
  local kind = cell.kind
  if kind == GCRA then return cell.part > 0 and cell.whole + 1 or cell.whole end
  if kind == FIXED then return cell.current end
  if kind == SLIDING then
    local weight, rest = divided(cell.previous, cell.rest, cell.period)
    return cell.current + weight + (rest > 0 and 1 or 0)
  end
  local held = cell.held
  return held[1] + held[2] + held[3] + held[4] + held[5] + held[6]
end

local function fits(cell, cost)
  return cost == 0 or (cost <= cell.burst and used(cell) + cost <= cell.burst)
end

local function slice_ends(cell, number) return (number + SLICES) * cell.width - cell.now end

-- Until a cost fits that does not fit now.
local function wait(cell, cost)
  if cost > cell.burst then return NEVER end
  local kind = cell.kind
  if kind == GCRA then
    local time, rest = divided(cell.whole + cost - cell.burst, cell.period, cell.limit)
    return min(time + ceil((rest + cell.part) / cell.limit), EXACT)
  end
  if kind == FIXED then return cell.rest end
  if kind == SLIDING then
    local counted = cell.current + cost
    if counted <= cell.limit then
      return cell.rest - (divided(cell.limit - counted, cell.period, cell.previous))
    end
    return cell.rest + cell.period - (divided(cell.limit - cost, cell.period, cell.current))
  end
  local kept = used(cell)
  for number = cell.slice - SLICES + 1, cell.slice do
    if number >= 0 then
      kept = kept - cell.held[fmod(number, SLICES) + 1]
      if kept + cost <= cell.limit then return slice_ends(cell, number) end
    end
  end
end

-- Until nothing counts any more.
local function reset_after(cell)
  local kind = cell.kind
  if kind == GCRA then
    local time, rest = divided(cell.whole, cell.period, cell.limit)
    return min(time + ceil((rest + cell.part) / cell.limit), EXACT)
  end
  if kind ~= CONCURRENCY then
    if cell.current > 0 then return kind == SLIDING and cell.rest + cell.period or cell.rest end
    return cell.previous > 0 and kind == SLIDING and cell.rest or 0
  end
  for number = cell.slice, max(cell.slice - SLICES + 1, 0), -1 do
    if cell.held[fmod(number, SLICES) + 1] > 0 then return slice_ends(cell, number) end
  end
  return 0
end

local function take(cell, cost)
  if cell.kind == GCRA then
    cell.whole = cell.whole + cost
  elseif cell.kind == CONCURRENCY then
    local place = fmod(cell.slice, SLICES) + 1
    cell.held[place] = cell.held[place] + cost
  else
    cell.current = cell.current + cost
  end
  cell.changed = cell.changed or cost > 0
end

-- Undoes what was taken and still counts, the latest first.
local function give_back(cell, cost)
  cell.changed = true
  if cell.kind == GCRA then
    cell.whole = cell.whole - cost
    if cell.whole < 0 then cell.whole, cell.part = 0, 0 end
  elseif cell.kind == CONCURRENCY then
    for number = cell.slice, max(cell.slice - SLICES + 1, 0), -1 do
      local place = fmod(number, SLICES) + 1
      local given = min(cost, cell.held[place])
      cell.held[place] = cell.held[place] - given
      cost = cost - given
    end
  else
    local given = min(cost, cell.current)
    cell.current = cell.current - given
    if cell.kind == SLIDING then cell.previous = max(cell.previous - (cost - given), 0) end
  end
end

local function save(cell, reset_us)
  if reset_us == 0 then
    redis.call('DEL', cell.key)
    return
  end
  local state
  if cell.kind == GCRA then
    state = struct.pack('<ddd', cell.whole, cell.part, cell.now)
  elseif cell.kind == CONCURRENCY then
    local held = cell.held
    state = struct.pack('<ddddddd', cell.slice, held[1], held[2], held[3], held[4], held[5], held[6])
  else
    state = struct.pack('<ddd', cell.number, cell.current, cell.previous)
  end
  -- One millisecond more, since what is gone too early is forgotten too early. A clock that is given
  -- is not the one by which Redis lets keys go.
  local expiry_ms = ARGV[1] == '' and min(ceil(reset_us / 1000) + 1, MAX_EXPIRY_MS) or MAX_EXPIRY_MS
  redis.call('SET', cell.key, state, 'PX', string.format('%.0f', expiry_ms))
end

local function load(cell, now)
  local raw = redis.call('GET', cell.key)
  if cell.kind == GCRA then
    load_gcra(cell, raw, now)
  elseif cell.kind == CONCURRENCY then
    load_slices(cell, raw, now)
  else
    load_window(cell, raw, now)
  end
end

-- All of what binds, or nothing; what only watches takes for itself. Returns whether it is allowed,
-- and the longest wait.
local function consume(cells, takes)
  local allowed, longest = 1, 0
  for _, cell in ipairs(cells) do
    if not fits(cell, cell.cost) then
      cell.refused = 1
      if cell.shadow == 0 then
        local until_fits = wait(cell, cell.cost)
        if until_fits == NEVER or longest == NEVER then
          longest = NEVER
        else
          longest = max(longest, until_fits)
        end
        allowed = 0
      end
    end
  end
  if takes and allowed == 1 then
    for _, cell in ipairs(cells) do
      if cell.refused == 0 then
        take(cell, cell.cost)
        cell.granted = min(cell.extra, floor((cell.burst - used(cell)) / FAIR_PART))
        if cell.granted > 0 then take(cell, cell.granted) else cell.granted = 0 end
      end
    end
  end
  return allowed, longest
end

local now
if ARGV[1] == '' then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
else
  now = tonumber(ARGV[1])
end

local answers, next_key = {}, 1
for _, wanted in ipairs(cjson.decode(ARGV[2])) do
  local operation, cells = wanted[1], {}
  for i = 2, #wanted do
    local cell = {key = KEYS[next_key], refused = 0, granted = 0}
    cell.kind, cell.shadow, cell.limit, cell.burst, cell.period, cell.cost, cell.extra, cell.stamp =
      unpack(wanted[i])
    next_key = next_key + 1
    load(cell, now)
    cells[i - 1] = cell
  end
  local allowed, longest = 1, 0
  if operation == CONSUME or operation == CHECK then
    allowed, longest = consume(cells, operation == CONSUME)
  end
  answers[#answers + 1] = struct.pack('<Bi8', allowed, longest)
  for _, cell in ipairs(cells) do
    if operation == REFUND then
      give_back(cell, cell.cost)
    elseif operation == RESET then
      redis.call('DEL', cell.key)
      load(cell, now)
    elseif operation == RETURN and cell.number == cell.stamp then
      give_back(cell, min(cell.cost, cell.current))
    end
    local reset_us = reset_after(cell)
    if cell.changed then save(cell, reset_us) end
    local left = max(cell.burst - used(cell), 0)
    answers[#answers + 1] = struct.pack('<Bi8i8i8i8i8', cell.refused, left, reset_us, cell.granted,
      cell.number or 0, cell.rest or 0)
  end
end
return table.concat(answers)
