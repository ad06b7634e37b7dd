-- Sets one counter of a supply to what its hours should have, where it has not moved meanwhile. `window.lua` goes before it.
--
-- KEYS[1]   the supply's hash of sums
-- ARGV[1]   how many hours the window has
-- ARGV[2]   the time, in milliseconds since 1970; 0: by Redis' own clock
-- ARGV[3]   the counter's field
-- ARGV[4]   what it was found to be
-- ARGV[5]   the first hour of the window, since 1970
-- ARGV[6..] what the counter should be in each hour of the window
-- returns   1, or 0 where it has moved or an hour has left

local function set(key, field, amount, seconds)
  if amount == 0 then
    redis.call('HDEL', key, field)
  else
    redis.call('HSET', key, field, string.format('%d', amount))
  end
  redis.call('EXPIRE', key, seconds)
end

local sums, field = KEYS[1], ARGV[3]
local oldest = oldestHour(ARGV[1], ARGV[2])
leave(sums, oldest)
if oldest ~= tonumber(ARGV[5]) or tonumber(redis.call('HGET', sums, field) or 0) ~= tonumber(ARGV[4]) then
  return 0
end
local sum = 0
for i = 6, #ARGV do
  local amount = tonumber(ARGV[i])
  set(hourKey(sums, oldest + i - 6), field, amount, HOUR_KEPT)
  sum = sum + amount
end
join(sums, oldest)
set(sums, field, sum, SUMS_KEPT)
return 1
