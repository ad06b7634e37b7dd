-- Takes what was counted of rows that were given up, to be written elsewhere: the same each time until it is deleted.
--
-- KEYS[1]   the hash that is counted in
-- KEYS[2]   the hash that is taken
-- ARGV[1]   a name for what is taken, where nothing is so far
-- returns   the fields and values of what is taken, its name under `name`

if redis.call('EXISTS', KEYS[2]) == 0 and redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('RENAME', KEYS[1], KEYS[2])
  redis.call('HSET', KEYS[2], 'name', ARGV[1])
end
return redis.call('HGETALL', KEYS[2])
