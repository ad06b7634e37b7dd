-- Claims a sale, or says what became of it. A key's value has two lines: the request, and then the token of the process
-- that has claimed it or, from a "[" on, the answer. The key's age tells how old a claim is.
--
-- KEYS[1]   sold-once:["supply","key"]
-- ARGV[1]   the request
-- ARGV[2]   the token of this process
-- ARGV[3]   how long a claim holds, in milliseconds
-- ARGV[4]   how long the key is kept, in milliseconds
-- returns   {'CLAIMED'}; {'TAKEN_OVER'}, claimed after a process that gave no answer in time; {'ANSWERED', the answer};
--           {'KEY_REUSED'}, the key is another request's; {'UNDER_WAY'}, another process has the claim

local request, token, lease_ms, kept_ms = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])

local function claim()
  redis.call('SET', KEYS[1], request .. '\n' .. token, 'PX', kept_ms)
end

local value = redis.call('GET', KEYS[1])
if not value then
  claim()
  return { 'CLAIMED' }
end
local line_end = string.find(value, '\n', 1, true)
if string.sub(value, 1, line_end - 1) ~= request then
  return { 'KEY_REUSED' }
end
local rest = string.sub(value, line_end + 1)
if string.sub(rest, 1, 1) == '[' then
  return { 'ANSWERED', rest }
end
-- A process asks for one claim of a key at a time: its own is one whose answer it has not heard.
if rest == token then
  claim()
  return { 'CLAIMED' }
end
if kept_ms - redis.call('PTTL', KEYS[1]) < lease_ms then
  return { 'UNDER_WAY' }
end
claim()
return { 'TAKEN_OVER' }
