import type * as Wire from '../../../src/contract/index.js';

export type {
  ContainerService,
  InvokeAnswer,
  PresignedUpload,
  TaskLogLine,
  TaskResult,
} from '../../../src/contract/index.js';

/** What the embedded runtime adds to the documented fields. */
export type Task = Wire.Task & {
  readonly workflow_version?: number;
  readonly attempt_count?: number;
  readonly progress?: TaskProgress | null;
};
export interface TaskProgress {
  readonly progress?: number;
  readonly step_current?: number | null;
  readonly step_total?: number | null;
  readonly message?: string | null;
}
export type TaskEvent = Wire.TaskEvent & { readonly cause?: string };
export type Workflow = Wire.Workflow & { readonly updated_at?: string };
export type Agent = Wire.Agent & { readonly task_capacity?: number };

export interface PageMeta {
  readonly current_page: number;
  readonly per_page: number;
  readonly total_count: number;
}

/** A key, without itself. */
export interface Credential {
  readonly id: string;
  readonly team: string;
  readonly kind: 'integration' | 'agent';
  readonly display_name: string;
  readonly key_prefix: string;
  readonly key_status: 'active' | 'revoked' | 'expired';
  readonly permissions: readonly string[];
  readonly created_at: string;
  readonly last_used_at: string | null;
  readonly expires_at: string | null;
}

export interface NewKey {
  readonly id: string;
  readonly raw_key: string;
}

const TERMINAL: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled']);

export const isEnded = (state: string): boolean => TERMINAL.has(state);
