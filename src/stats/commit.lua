-- Adds a batch of counts to the statistics, once however often it is sent. The batches of one writer are numbered
-- upwards and sent one after the other, so the number of its last one tells whether a batch was already applied.
--
-- KEYS[1]   the writer's marker: the number of the last batch applied
-- KEYS[2..] the hashes to add to, one per supply
-- ARGV[1]   this batch's number
-- ARGV[2]   how long the marker is kept, in seconds
-- ARGV[3..] for each hash: how many counters follow, then for each counter its field and the amount
-- returns   two lists: the errors of counters that could not be added to, such as one whose key holds something else;
--           and which hashes were not there before, 1 for KEYS[2]

local applied = tonumber(redis.call('GET', KEYS[1]) or 0)
if applied >= tonumber(ARGV[1]) then
  return { {}, {} }
end
-- Written first: where Redis refuses writes (out of memory, read only), it refuses here, with nothing applied yet.
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])

local errors = {}
local created = {}
local position = 3
for i = 2, #KEYS do
  local counters = tonumber(ARGV[position])
  position = position + 1
  for j = 1, counters do
    -- An error must not end the script half way: what was applied stays applied.
    local answer = redis.pcall('HINCRBY', KEYS[i], ARGV[position], ARGV[position + 1])
    if type(answer) == 'table' and answer.err then
      errors[#errors + 1] = KEYS[i] .. ' ' .. ARGV[position] .. ': ' .. answer.err
    elseif j == 1 and answer == tonumber(ARGV[position + 1]) then
      created[#created + 1] = i - 1
    end
    position = position + 2
  end
end
return { errors, created }
