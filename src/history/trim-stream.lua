-- Deletes the entries of a stream up to one, and subtracts what they had from its bytes.
--
-- KEYS[1]   the stream
-- KEYS[2]   the number of its bytes
-- ARGV[1]   the first entry's id that stays
-- returns   how many bytes are left

local trimmed = 0
local first = redis.call('XRANGE', KEYS[1], '-', '(' .. ARGV[1])
for i = 1, #first do
  trimmed = trimmed + #first[i][2][2]
end
redis.call('XTRIM', KEYS[1], 'MINID', ARGV[1])
if redis.call('XLEN', KEYS[1]) == 0 then
  redis.call('SET', KEYS[2], 0)
  return 0
end
return redis.call('DECRBY', KEYS[2], trimmed)
