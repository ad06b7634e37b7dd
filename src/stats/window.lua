-- What the scripts on the statistics of the last hours begin with. A supply has a hash of sums, which is what is read, and
-- one for each hour. An hour that has left the window is taken out of the sums by whichever script meets it first: so
-- the sums are always those of the window, and nobody adds hours up. `from_hour` of the sums is the first hour in them,
-- `gone_reqs` how many requests have left; hours are counted since 1970.

-- The longest window, in seconds. The hash of an hour outlives the sums that it is in, which end with the last request.
local WEEK = 168 * 3600
local SUMS_KEPT = WEEK + 3600
local HOUR_KEPT = 2 * WEEK + 7200

-- In the slot of the sums, whose key has a hash tag, and behind the same prefix (REDIS_PREFIX), which has no brace.
local function hourKey(sums, hour)
  local own = string.find(sums, 'window-stats:{', 1, true)
  return string.format('%shour:%d:%s', string.sub(sums, 1, own - 1), hour, string.sub(sums, own))
end

-- The first hour in a window of so many hours: by the time given, in milliseconds, or where that is 0 by Redis' own clock,
-- so that all instances agree.
local function oldestHour(hours, nowMs)
  local seconds = tonumber(nowMs) / 1000
  if seconds == 0 then
    seconds = tonumber(redis.call('TIME')[1])
  end
  return math.floor(seconds / 3600) - tonumber(hours) + 1
end

-- Takes out of a supply's sums what has left the window.
local function leave(sums, oldest)
  local from = redis.pcall('HGET', sums, 'from_hour')
  if type(from) ~= 'string' or tonumber(from) >= oldest then
    return
  end
  -- Written first: where Redis refuses writes, it refuses here, and the sums stay as they are.
  if type(redis.pcall('HSET', sums, 'from_hour', oldest)) == 'table' then
    return
  end
  for hour = tonumber(from), oldest - 1 do
    local key = hourKey(sums, hour)
    local counts = redis.pcall('HGETALL', key)
    for j = 1, #counts, 2 do
      local field, amount = counts[j], counts[j + 1]
      if redis.pcall('HINCRBY', sums, field, '-' .. amount) == 0 then
        redis.call('HDEL', sums, field)
      end
      if field == 'total_reqs' then
        redis.call('HINCRBY', sums, 'gone_reqs', amount)
      end
    end
    if #counts > 0 then
      redis.call('UNLINK', key)
    end
  end
end

-- Says that an hour is among the sums.
local function join(sums, hour)
  local from = redis.pcall('HGET', sums, 'from_hour')
  if type(from) ~= 'string' or tonumber(from) > hour then
    redis.pcall('HSET', sums, 'from_hour', hour)
  end
end

