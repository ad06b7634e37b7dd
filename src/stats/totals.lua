-- Reads how many requests each of many supplies had: all it takes to see which have changed.
--
-- KEYS      the supplies' hashes
-- returns   a list with each one's total_reqs, nil where it has none

local totals = {}
for i = 1, #KEYS do
  local total = redis.pcall('HGET', KEYS[i], 'total_reqs')
  totals[i] = type(total) == 'string' and total
end
return totals
