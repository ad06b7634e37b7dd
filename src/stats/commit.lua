-- Adds a batch of counts to the statistics, once however often it is sent. The batches of one writer are numbered
-- upwards and sent one after the other, so the number of its last one tells whether a batch was already applied.
--
-- KEYS[1]   the writer's marker: the number of the last batch applied
-- KEYS[2..] the hashes to add to, one per supply
-- and last, where ARGV[3] says so, the auction log's stream, the number of its bytes, and the hash of what is only counted
-- ARGV[1]   this batch's number
-- ARGV[2]   how long the marker is kept, in seconds
-- ARGV[3]   1 where the batch has a part of the auction log, else 0
-- ARGV[4]   0; or where statistics are of the last hours, how many: `window.lua` goes before this script then
-- ARGV[5]   the time, in milliseconds since 1970; 0: by Redis' own clock
-- ARGV[6..] for each hash: where statistics are of the last hours, the hour, since 1970;
--           how many counters follow, then for each counter its field and the amount;
--           of the log the packed auctions, and as of a hash what is only counted
-- returns   two lists: the errors of counters that could not be added to, such as one whose key holds something else;
--           and which hashes were not there before, 1 for KEYS[2]; and how many bytes are in the stream

local applied = tonumber(redis.call('GET', KEYS[1]) or 0)
if applied >= tonumber(ARGV[1]) then
  return { {}, {}, 0 }
end
-- Written first: where Redis refuses writes (out of memory, read only), it refuses here, with nothing applied yet.
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])

local errors = {}
local created = {}
local position = 6

-- Adds the counters that come next. An error must not end the script half way: what was applied stays applied.
local function add(key, index)
  local counters = tonumber(ARGV[position])
  position = position + 1
  for j = 1, counters do
    local answer = redis.pcall('HINCRBY', key, ARGV[position], ARGV[position + 1])
    if type(answer) == 'table' and answer.err then
      errors[#errors + 1] = key .. ' ' .. ARGV[position] .. ': ' .. answer.err
    elseif j == 1 and answer == tonumber(ARGV[position + 1]) then
      created[#created + 1] = index
    end
    position = position + 2
  end
end

-- Adds them to the statistics of their hour as well, where that has not left.
local function addToHour(key, index, oldest)
  local hour = tonumber(ARGV[position])
  position = position + 1
  if hour < oldest then
    position = position + 1 + 2 * tonumber(ARGV[position])
    return
  end
  leave(key, oldest)
  join(key, hour)
  local counters = position
  add(key, index)
  position = counters
  add(hourKey(key, hour))
  redis.call('EXPIRE', key, SUMS_KEPT)
  redis.call('EXPIRE', hourKey(key, hour), HOUR_KEPT)
end

local hasLog = ARGV[3] == '1'
local oldest = ARGV[4] ~= '0' and oldestHour(ARGV[4], ARGV[5])
local hashes = hasLog and #KEYS - 3 or #KEYS
for i = 2, hashes do
  if oldest then
    addToHour(KEYS[i], i - 1, oldest)
  else
    add(KEYS[i], i - 1)
  end
end
if not hasLog then
  return { errors, created, 0 }
end

local stream, bytes, counted = KEYS[hashes + 1], KEYS[hashes + 2], KEYS[hashes + 3]
local packed = ARGV[position]
position = position + 1
if #packed > 0 then
  local answer = redis.pcall('XADD', stream, '*', 'b', packed)
  if type(answer) == 'table' and answer.err then
    errors[#errors + 1] = stream .. ': ' .. answer.err
  else
    redis.pcall('INCRBY', bytes, #packed)
  end
end
add(counted)
return { errors, created, tonumber(redis.pcall('GET', bytes) or 0) or 0 }
