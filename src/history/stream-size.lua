-- How much waits in a stream. The oldest entry itself may be large, so that it does not leave Redis.
--
-- KEYS[1]   the stream
-- KEYS[2]   the number of its bytes
-- returns   how many entries there are, how many bytes, false where none was ever added, and the oldest entry's id, false where there is none

local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)
return { redis.call('XLEN', KEYS[1]), redis.call('GET', KEYS[2]), oldest[1] and oldest[1][1] or false }
