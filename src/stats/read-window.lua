-- Reads supplies' statistics of the last hours. `window.lua` goes before it.
--
-- KEYS      the supplies' hashes of sums
-- ARGV[1]   how many hours the window has
-- ARGV[2]   the time, in milliseconds since 1970; 0: by Redis' own clock
-- ARGV[3]   'all', or 'totals' for what it takes to see which have changed
-- returns   for each supply all fields and amounts, or its total_reqs and gone_reqs, nil where it has none

local oldest = oldestHour(ARGV[1], ARGV[2])
local answers = {}
for i = 1, #KEYS do
  leave(KEYS[i], oldest)
  if ARGV[3] == 'all' then
    answers[i] = redis.call('HGETALL', KEYS[i])
  else
    local totals = redis.pcall('HMGET', KEYS[i], 'total_reqs', 'gone_reqs')
    answers[i] = totals.err and {} or totals
  end
end
return answers
