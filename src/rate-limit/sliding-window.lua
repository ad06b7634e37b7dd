-- Exact sliding window: allows one more request of each key where fewer than max were allowed within the last window,
-- by the clock of Redis. A key holds the times of its newest allowed requests, at most max, oldest first.
--
-- KEYS      one per request, rate-limit:{address}; a key may be there several times
-- ARGV[1]   max, the requests allowed per window
-- ARGV[2]   the window in milliseconds
-- returns   per request 0 (allowed and counted) or after how many milliseconds it would be allowed, the window at most

-- Where the clock was set back, times lie ahead of it: they become now, so that nobody waits longer than a window.
local function pull_back(key, now, now_text, window_ms)
  local times = redis.call('LRANGE', key, 0, -1)
  for i, time in ipairs(times) do
    if tonumber(time) > now then
      times[i] = now_text
    end
  end
  redis.call('DEL', key)
  for _, time in ipairs(times) do
    redis.call('RPUSH', key, time)
  end
  redis.call('PEXPIRE', key, window_ms + 1)
end

local max = tonumber(ARGV[1])
local window_ms = tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
-- Lua writes large numbers in scientific notation unless told how.
local now_text = string.format('%.0f', now)

local answers = {}
for i, key in ipairs(KEYS) do
  -- The max-th newest is what counts, also where max was larger when the key was written.
  local oldest = redis.call('LINDEX', key, -max)
  local wait_us = 0
  if oldest then
    wait_us = tonumber(oldest) + window_ms * 1000 - now
    if wait_us > window_ms * 1000 then
      pull_back(key, now, now_text, window_ms)
      wait_us = window_ms * 1000
    end
  end
  if wait_us > 0 then
    answers[i] = math.ceil(wait_us / 1000)
  else
    redis.call('RPUSH', key, now_text)
    if oldest then
      redis.call('LTRIM', key, -max, -1)
    end
    -- A millisecond longer than the window, for expiry counts in whole milliseconds and the window in microseconds.
    redis.call('PEXPIRE', key, window_ms + 1)
    answers[i] = 0
  end
end
return answers
