/** The record of a session, if it belongs to the key; a look-up extends its expiry. */
const find = `
local kept = redis.call('GET', KEYS[1])
if not kept or string.sub(kept, 1, #ARGV[1]) ~= ARGV[1] then return false end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return string.sub(kept, #ARGV[1] + 1)`;

/** Renews the lease of a stream, or returns why it cannot. */
const hold = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 'ended' end
local holder = redis.call('GET', KEYS[2])
if holder and holder ~= ARGV[1] then return 'taken' end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return 'held'`;

/** Releases a lease, unless another holder has it. */
const release = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`;

/**
 * Writes one entry of a stream. The first one is the header; a later one is accepted only when the one before it is
 * stored or outside the retention window. Entry n of Redis has sequence number n - 1.
 */
const writeLog = `
local place = tonumber(ARGV[1])
local newest = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
if newest then
  local written = tonumber(string.match(newest[1], '^%d+')) - 1
  if written >= place then return 'written' end
  if written < place - 1 and place > tonumber(ARGV[4]) then return 'early' end
elseif place > 0 then return 'gone'
end
local message = ARGV[2]
if place == 0 then
  redis.call('SET', KEYS[1], message)
  message = ''
end
local oldest = (ARGV[4] + 1) .. '-0'
redis.call('XADD', KEYS[2], 'MINID', oldest, (place + 1) .. '-0', 'message', message, 'isLast', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return 'written'`;

/**
 * How long the list of a key's sessions outlasts the last one that was opened. A session that is used for longer than
 * that, while its key opens no other, is no longer counted; without an expiry the lists would accumulate.
 */
const KEPT_MS = 7 * 86_400_000;

/**
 * Adds a session to those of its key, or returns sessions that may have expired. A session certainly exists until its
 * score, in milliseconds, and needs no check before. It uses the clock of Redis, since those of replicas may differ.
 */
const admit = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
  return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)
end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3] + ${KEPT_MS})
return false`;

/**
 * Updates the remaining time of sessions of a key, by pairs of hash and milliseconds; ended ones have no positive time.
 */
const review = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 1, #ARGV, 2 do
  if tonumber(ARGV[i + 1]) > 0 then redis.call('ZADD', KEYS[1], 'XX', now + ARGV[i + 1], ARGV[i])
  else redis.call('ZREM', KEYS[1], ARGV[i]) end
end
return redis.status_reply('OK')`;

/**
 * Counts a request at the rate of a name: the key holds the time at which the whole allowance is there again. Returns how
 * long the request has to wait, in milliseconds. It uses the clock of Redis, since those of replicas may differ.
 */
const takeRate = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local fullAt = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now) + ARGV[1]
local wait = fullAt - now - ARGV[2]
if wait > tonumber(ARGV[3]) then return math.ceil(wait) end
redis.call('SET', KEYS[1], string.format('%.3f', fullAt), 'PX', math.ceil(fullAt - now))
return 0`;

/** Each runs atomically, on keys of one slot. */
export const SCRIPTS = {
  findSession: { lua: find, numberOfKeys: 1 },
  holdStream: { lua: hold, numberOfKeys: 2 },
  releaseStream: { lua: release, numberOfKeys: 1 },
  writeLog: { lua: writeLog, numberOfKeys: 2 },
  admitSession: { lua: admit, numberOfKeys: 1 },
  reviewSessions: { lua: review, numberOfKeys: 1 },
  takeRate: { lua: takeRate, numberOfKeys: 1 },
} as const;

/** The scripts as methods of a client. */
export interface Scripts {
  findSession(record: string, keyHash: string, idleMs: number): Promise<string | null>;
  holdStream(
    record: string,
    stream: string,
    holder: string,
    leaseMs: number,
  ): Promise<'held' | 'taken' | 'ended'>;
  releaseStream(stream: string, holder: string): Promise<number>;
  writeLog(
    about: string,
    entries: string,
    sequence: number,
    message: string,
    isLast: 0 | 1,
    oldest: number,
    keptMs: number,
  ): Promise<'written' | 'early' | 'gone'>;
  /** `null` when the session was admitted, else the hashes to check. */
  admitSession(places: string, sessionHash: string, limit: number, idleMs: number): Promise<string[] | null>;
  reviewSessions(places: string, ...tagsAndTimes: (string | number)[]): Promise<'OK'>;
  takeRate(name: string, costMs: number, windowMs: number, toleranceMs: number): Promise<number>;
}
