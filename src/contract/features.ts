/**
 * Response header of a Runtime API: the names of what it has beyond the common API, separated by commas. A runtime without
 * the header has none of them.
 */
export const FEATURES_HEADER = 'cyberun-features';

/** Response headers of a Runtime API: ids of the key and of its team, for the log and the audit. A runtime may leave them out. */
export const CREDENTIAL_HEADER = 'cyberun-credential-id';
export const TEAM_HEADER = 'cyberun-team-id';

/**
 * Request header of a run, with the value `ask`: the run is refused with status 428 when its workflow wants a confirmation.
 * Without the header it is confirmed.
 */
export const CONFIRM_HEADER = 'cyberun-confirm';
export const ASK_FIRST = 'ask';

/** What this server can use where the runtime announces it. */
export const FEATURES = [
  /** Calls of services take `link_above` and `link_images_above`: larger bodies are stored for an hour and linked. */
  'answer-links',
  /** Runs take the request header `Idempotency-Key`. */
  'idempotency-key',
  /** The list of tasks takes several states, `workflow_slug` and `created_after`. */
  'task-filters',
  /** `POST /r/files` stores a small text. */
  'text-files',
  /** The list of workflows takes `query`. */
  'workflow-query',
  /** Workflows have `confirm`, and runs take the request header `Cyberun-Confirm`. */
  'confirm',
  /** The log of a task has an endpoint of its own. */
  'task-logs',
  /** The list of workflows takes `is_tool`, and then has their parameters. */
  'workflow-tools',
] as const;
export type Feature = (typeof FEATURES)[number];
