/** The record of a session, if it belongs to the key; being found keeps it from ending. */
const find = `
local kept = redis.call('GET', KEYS[1])
if not kept or string.sub(kept, 1, #ARGV[1]) ~= ARGV[1] then return false end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return string.sub(kept, #ARGV[1] + 1)`;

/** Keeps a claim of a stream alive, or says why there is nothing to keep. */
const hold = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 'ended' end
local holder = redis.call('GET', KEYS[2])
if holder and holder ~= ARGV[1] then return 'taken' end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return 'held'`;

/** Gives a claim up, unless somebody else has it by now. */
const release = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`;

/** Each runs as a whole, on keys of one slot. */
export const SCRIPTS = {
  findSession: { lua: find, numberOfKeys: 1 },
  holdStream: { lua: hold, numberOfKeys: 2 },
  releaseStream: { lua: release, numberOfKeys: 1 },
} as const;

/** The scripts as methods of a client. */
export interface Scripts {
  findSession(record: string, keyHash: string, idleMs: number): Promise<string | null>;
  holdStream(
    record: string,
    stream: string,
    holder: string,
    claimMs: number,
  ): Promise<'held' | 'taken' | 'ended'>;
  releaseStream(stream: string, holder: string): Promise<number>;
}
