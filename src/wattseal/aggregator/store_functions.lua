#!lua name=wattseal_VERSION
-- Each function runs alone on the store, so what it reads stays true until it has written.
-- The aggregator puts a digest of this text for VERSION: workers of two releases keep their own functions.

local ACCEPTED, DUPLICATE, CONFLICT, LATE, ARCHIVED = 'A', 'D', 'C', 'L', 'X'

local function count(state, what, added)
  if added > 0 then redis.call('HINCRBY', state, what, added) end
end

-- `id` is kind:channel:number:meter; number 0 needs no note.
local function note_highest(highest, id)
  local place, number, meter = string.match(id, '^(%d+:%d+):([1-9]%d*):(.*)$')
  if not place then return end
  local field = place .. ':' .. meter
  local known = redis.call('HGET', highest, field)
  if not known or tonumber(known) < tonumber(number) then
    redis.call('HSET', highest, field, number)
  end
end

-- MSETNX keeps the last of equal keys, so a batch that repeats one takes the slow way.
local function all_new(reports, bodies)
  local seen, pairs_of = {}, {}
  for i, report in ipairs(reports) do
    if seen[report] then return false end
    seen[report] = true
    pairs_of[2 * i - 1], pairs_of[2 * i] = report, bodies[i]
  end
  return redis.call('MSETNX', unpack(pairs_of)) == 1
end

-- Large bodies stand in files: of their references only the digests tell whether they are the same.
local MAGIC, DIGEST_END = '\0wattseal-segment', 49
local function same(a, b)
  if a == b then return true end
  local both = string.sub(a, 1, #MAGIC) == MAGIC and string.sub(b, 1, #MAGIC) == MAGIC
  return both and string.sub(a, 1, DIGEST_END) == string.sub(b, 1, DIGEST_END)
end

local function put_one(keys, is_open, report, id, body)
  local first = redis.call('GET', report)
  local late = not first and not is_open
  if late then first = redis.call('HGET', keys.late, id) end
  if not first then
    if late then
      redis.call('HSET', keys.late, id, body)
      count(keys.state, 'late', 1)
      return LATE
    end
    redis.call('SET', report, body)
    return ACCEPTED
  end
  if same(first, body) then return late and LATE or DUPLICATE end
  -- The first refused content is kept as evidence; more of it would let one meter fill the store.
  count(keys.state, 'conflicts', redis.call('HSETNX', keys.conflicts, id, body))
  return CONFLICT
end

-- KEYS: state, highest, late, conflicts, then one a report. ARGV: one body a report. One letter a report.
local function put(KEYS, ARGV)
  local keys = { state = KEYS[1], highest = KEYS[2], late = KEYS[3], conflicts = KEYS[4] }
  local status = redis.call('HGET', keys.state, 'status')
  if status == 'archived' or status == 'deleted' then return string.rep(ARCHIVED, #ARGV) end
  local is_open = not status
  local reports, id_starts = {}, #KEYS[1] - #'state' + #'report:' + 1
  for i = 1, #ARGV do reports[i] = KEYS[4 + i] end

  local fresh = is_open and all_new(reports, ARGV)
  local answers, accepted = {}, 0
  for i, report in ipairs(reports) do
    local id = string.sub(report, id_starts)
    answers[i] = fresh and ACCEPTED or put_one(keys, is_open, report, id, ARGV[i])
    if answers[i] == ACCEPTED then
      accepted = accepted + 1
      note_highest(keys.highest, id)
    end
  end
  count(keys.state, 'accepted', accepted)
  return table.concat(answers)
end

-- KEYS: state. ARGV: roster digest. The state after it, whoever closed the window.
local function close(KEYS, ARGV)
  if redis.call('HEXISTS', KEYS[1], 'status') == 0 then
    redis.call('HSET', KEYS[1], 'status', 'closed', 'roster', ARGV[1])
  end
  return redis.call('HMGET', KEYS[1], 'status', 'roster', 'archive', 'emptied')
end

-- KEYS: state. ARGV: the archive's digest and the counts that it holds. Why not, if refused; the first one stays.
local function archive(KEYS, ARGV)
  local status = redis.call('HGET', KEYS[1], 'status')
  if status == 'archived' or status == 'deleted' then return false end
  if not status then return 'is open: close it first' end
  local counts = redis.call('HMGET', KEYS[1], 'accepted', 'late', 'conflicts')
  for i = 1, #counts do
    if (counts[i] or '0') ~= ARGV[i + 1] then return 'has grown since it was copied: archive it again' end
  end
  redis.call('HSET', KEYS[1], 'status', 'archived', 'archive', ARGV[1])
  return false
end

-- KEYS: state. Why not, if refused; again: no change.
local function forget(KEYS, ARGV)
  local status = redis.call('HGET', KEYS[1], 'status')
  if status == 'deleted' then return false end
  if status ~= 'archived' or redis.call('HEXISTS', KEYS[1], 'emptied') == 0 then return 'is not archived yet' end
  redis.call('HSET', KEYS[1], 'status', 'deleted')
  redis.call('HDEL', KEYS[1], 'archive', 'emptied')
  return false
end

-- KEYS: what a token asked. ARGV: day, then names of budgets, each with its most. The place of one that is spent, or 0.
-- Workers' clocks may differ around midnight: no count begins anew because one is behind.
local function spend(KEYS, ARGV)
  local known = tonumber(redis.call('HGET', KEYS[1], 'day') or '-1')
  if tonumber(ARGV[1]) > known then
    redis.call('DEL', KEYS[1])
    redis.call('HSET', KEYS[1], 'day', ARGV[1])
  end
  for i = 2, #ARGV, 2 do
    if tonumber(redis.call('HGET', KEYS[1], 'asked:' .. ARGV[i]) or '0') >= tonumber(ARGV[i + 1]) then return i / 2 end
  end
  for i = 2, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], 'asked:' .. ARGV[i], 1) end
  return 0
end

-- KEYS: log. ARGV: expected length, entries. 0 if the log has another length, else 1.
local function append(KEYS, ARGV)
  if redis.call('LLEN', KEYS[1]) ~= tonumber(ARGV[1]) then return 0 end
  for i = 2, #ARGV do redis.call('RPUSH', KEYS[1], ARGV[i]) end
  return 1
end

redis.register_function('wattseal_put_VERSION', put)
redis.register_function('wattseal_close_VERSION', close)
redis.register_function('wattseal_archive_VERSION', archive)
redis.register_function('wattseal_forget_VERSION', forget)
redis.register_function('wattseal_spend_VERSION', spend)
redis.register_function('wattseal_append_VERSION', append)
