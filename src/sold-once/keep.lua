-- Keeps the answer of a sale, unless there is one: the first that was kept is told to all. Doing it again changes nothing.
--
-- KEYS[1]   sold-once:["supply","key"], as in claim.lua
-- ARGV[1]   the request
-- ARGV[2]   the answer
-- ARGV[3]   how long a key is kept that is not there (any more), in milliseconds
-- returns   nil, or the other answer that was there

local value = redis.call('GET', KEYS[1])
if not value then
  redis.call('SET', KEYS[1], ARGV[1] .. '\n' .. ARGV[2], 'PX', ARGV[3])
  return false
end
local line_end = string.find(value, '\n', 1, true)
-- The key was lost, and came to be another request's.
if string.sub(value, 1, line_end - 1) ~= ARGV[1] then
  return false
end
local rest = string.sub(value, line_end + 1)
if string.sub(rest, 1, 1) == '[' then
  return rest ~= ARGV[2] and rest
end
redis.call('SET', KEYS[1], ARGV[1] .. '\n' .. ARGV[2], 'KEEPTTL')
return false
