-- Gives up a claim, where it is still this process's.
--
-- KEYS[1]   sold-once:["supply","key"], as in claim.lua
-- ARGV[1]   the request
-- ARGV[2]   the token of this process
-- returns   how many claims were given up

if redis.call('GET', KEYS[1]) == ARGV[1] .. '\n' .. ARGV[2] then
  return redis.call('DEL', KEYS[1])
end
return 0
