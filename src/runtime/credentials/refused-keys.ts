import { Injectable, Logger } from '@nestjs/common';
import { LRUCache } from 'lru-cache';

import { AuditLog } from '../../audit/index.js';
import { currentScope, noteInScope } from '../../telemetry/index.js';
import { type Credential, shownPrefix } from './credential.js';

/** A line about the same key and reason follows after this time at the earliest. */
const QUIET_MS = 60_000;
/** Lines about unknown keys, all together, within that time: a caller can invent any number of them. */
const UNKNOWN_LINES = 10;
const KEYS_KEPT = 1000;

/** The use of a key that was refused. */
export interface RefusedKey {
  readonly rawKey: string;
  /** What is known of the key; `undefined` for an unknown one. */
  readonly credential: Credential | undefined;
  readonly reason: string;
  /** Method and pattern of the path. */
  readonly route: string;
}

interface Period {
  readonly since: number;
  lines: number;
  skipped: number;
}

/**
 * Logs refused uses of keys, so that an operator sees them; repeated ones are counted instead, to keep the log readable. The
 * audit has every one.
 */
@Injectable()
export class RefusedKeys {
  private readonly logger = new Logger('Credentials');
  private readonly periods = new LRUCache<string, Period>({ max: KEYS_KEPT });

  constructor(private readonly audit: AuditLog) {}

  note(use: RefusedKey): void {
    this.auditUse(use);
    const { rawKey, credential, reason, route } = use;
    const id = `${credential?.id ?? 'unknown'} ${reason}`;
    const last = this.periods.get(id);
    const isOver = last === undefined || Date.now() - last.since >= QUIET_MS;
    const period = isOver ? { since: Date.now(), lines: 0, skipped: 0 } : last;
    this.periods.set(id, period);
    if (period.lines >= (credential ? 1 : UNKNOWN_LINES)) {
      period.skipped += 1;
      return;
    }
    period.lines += 1;
    this.logger.warn({
      message: 'the use of a key was refused',
      key_prefix: shownPrefix(rawKey),
      team: credential?.team,
      route,
      reason,
      skipped: isOver && last !== undefined && last.skipped > 0 ? last.skipped : undefined,
    });
  }

  /** A request has a line of its own, which is written once it is answered; connections of agents and nodes have none. */
  private auditUse({ rawKey, credential, reason, route }: RefusedKey): void {
    if (!this.audit.isOn) return;
    const key_prefix = shownPrefix(rawKey);
    const ids = { credentialId: credential?.id, teamId: credential?.teamId };
    if (currentScope()) noteInScope({ ...ids, refusal: { reason, key_prefix } });
    else this.audit.record({ audit: 'key_use', outcome: 'refused', route, reason, key_prefix }, ids);
  }
}
