import type { ColumnType, Generated, JSONColumnType, Kysely, Transaction } from 'kysely';

import type { TraceContext } from '../../telemetry/index.js';
import type { LogStream, ServiceState, TaskEventName, TaskState } from '../../contract/index.js';

type CreatedAt = ColumnType<Date, never, never>;
/** Where a definition comes from: the folder of a node, or the command `apply`. */
export type DefinitionSource = 'folder' | 'apply';
/** Any JSON value, also a plain string or number; written as text. */
type AnyJson = ColumnType<unknown, string | null, string | null>;

export interface TeamTable {
  id: string;
  team_slug: string;
  created_at: CreatedAt;
}

export interface CredentialTable {
  id: string;
  team_id: string;
  kind: 'integration' | 'agent';
  display_name: string;
  key_prefix: string;
  key_hash: string;
  permissions: string[];
  created_at: CreatedAt;
  expires_at: Date | null;
  revoked_at: Date | null;
  last_used_at: Date | null;
}

export interface WorkflowTable {
  id: string;
  team_id: string;
  workflow_slug: string;
  workflow_status: 'active' | 'disabled';
  source: Generated<DefinitionSource>;
  /** Name of the file that defines it. */
  source_file: string;
  /** Latest row of `workflow_version`. */
  version: number;
  created_at: CreatedAt;
  updated_at: Generated<Date>;
}

export interface WorkflowVersionTable {
  workflow_id: string;
  team_id: string;
  version: number;
  content_hash: string;
  /** A CompiledWorkflow. */
  definition: JSONColumnType<object, string, never>;
  created_at: CreatedAt;
}

export interface TaskTable {
  id: string;
  team_id: string;
  workflow_id: string;
  workflow_version: number;
  required_labels: string[];
  task_status: TaskState;
  parameters: JSONColumnType<Record<string, unknown>>;
  /** Size of the parameters as JSON; 0 in tasks of earlier versions. */
  parameters_bytes: Generated<number>;
  /** The other fields of the request, unchanged. */
  submission: JSONColumnType<Record<string, string>>;
  task_output: AnyJson;
  task_error: Generated<string>;
  /** Sentences about outputs that were renamed or not kept. */
  task_warnings: Generated<string[]>;
  /** The trace in which it was submitted. */
  trace_context: JSONColumnType<TraceContext> | null;
  /** The key that submitted it; `null` in tasks of earlier versions. */
  submitted_by: string | null;
  /** Its place in the queue, from 1, see ADR 15; 0 once it has had its turn. */
  queue_rank: Generated<number>;
  max_retries: number;
  /** Failures after which the task was retried. */
  retry_count: Generated<number>;
  /** Number of runs so far; the number of the current run. */
  attempt_count: Generated<number>;
  /** Runs that ended because the agent or the server was lost. */
  interrupted_count: Generated<number>;
  /** Runs that their agent gave back, because it ended. */
  returned_count: Generated<number>;
  /** Sequence of the latest row of `task_event`. */
  last_sequence: Generated<number>;
  agent_id: string | null;
  agent_labels: string[] | null;
  gpu_type: string | null;
  /** The node that holds the run. */
  node_id: string | null;
  created_at: CreatedAt;
  started_at: Date | null;
  completed_at: Date | null;
}

/** A process that shares the database. */
export interface RuntimeNodeTable {
  id: string;
  /** Origin at which other nodes reach it; empty once it was stopped. */
  url: string;
  /** Of its built-in file store; null with an object store. */
  folder_id: string | null;
  started_at: CreatedAt;
  /** Written every 2 s while it is alive. */
  seen_at: Generated<Date>;
}

export interface ConnectedAgentTable {
  team_id: string;
  agent_id: string;
  /** The node that it is connected to. */
  node_id: string;
  /** An AgentHello. */
  hello: JSONColumnType<object>;
  /** Since it connected. */
  tasks_completed: Generated<number>;
  connected_at: Generated<Date>;
}

export interface TaskEventTable {
  task_id: string;
  team_id: string;
  /** From 1 without gaps; the SSE id. */
  sequence: number;
  event: TaskEventName;
  data: JSONColumnType<Record<string, unknown>>;
  created_at: CreatedAt;
}

export interface TaskFileTable {
  task_id: string;
  team_id: string;
  file_name: string;
  file_key: string;
  file_size: number;
  content_type: string;
}

/** A file of a team, from the link for its upload until it expires. */
export interface StoredFileTable {
  file_key: string;
  team_id: string;
  /** Its name in short links. */
  link_id: Generated<string>;
  /** As announced. */
  file_size: number;
  /** The built-in store that keeps it; null in an object store. */
  folder_id: string | null;
  /** Whether it is known to be stored; uploads to an object store do not pass through the runtime. */
  is_confirmed: Generated<boolean>;
  /** When it was announced, or stored. */
  created_at: Generated<Date>;
}

/** Secrets that all nodes use. */
export interface SharedSecretTable {
  secret_name: string;
  secret_value: string;
}

/** What is kept of the logs of a task, of all its runs. */
export interface TaskLogTable {
  task_id: string;
  team_id: string;
  /** Of the text of its chunks. */
  bytes: number;
  chunks: number;
  /** The first line of the last chunk; chunks up to it are not written again. */
  last_attempt: number;
  last_line: number;
}

/** Lines that a step wrote to one stream, one after another. */
export interface TaskLogChunkTable {
  task_id: string;
  team_id: string;
  attempt: number;
  /** Number of its first line in the log of the attempt, from 1. */
  line: number;
  line_count: number;
  step: string;
  stream: LogStream;
  written_at: Date;
  bytes: number;
  text: string;
}

/** The task that was made for an Idempotency-Key. */
export interface IdempotencyKeyTable {
  team_id: string;
  key: string;
  /** SHA-256 of workflow, parameters and fields, in hexadecimal. */
  request_hash: string;
  task_id: string;
  created_at: Generated<Date>;
}

/** Files beside a workflow's definition, packed. */
export interface BundleTable {
  /** SHA-256 of the archive, in hexadecimal. */
  hash: string;
  archive: Uint8Array;
  created_at: CreatedAt;
}

/** The current definition of a service. */
export interface ServiceDefinitionTable {
  team_id: string;
  service_slug: string;
  id: string;
  source: DefinitionSource;
  /** Name of the file that defines it. */
  source_file: string;
  content_hash: string;
  /** Hashes of its earlier contents, the latest last. */
  former_hashes: Generated<string[]>;
  /** Row of `bundle` with its files. */
  bundle_hash: string | null;
  /** A ServiceDefinition. */
  definition: JSONColumnType<object>;
  is_removed: Generated<boolean>;
  created_at: CreatedAt;
  updated_at: Generated<Date>;
}

/** One replica of a service: where it runs, and what became of it. */
export interface ServiceReplicaTable {
  team_id: string;
  service_slug: string;
  /** From 1. */
  replica: number;
  /** New whenever the replica is given to an agent. */
  deployment_id: string;
  /** The node that runs it on one of its agents; null while none does. */
  node_id: string | null;
  /** The agent that runs it, or did last. */
  agent_id: string;
  /** Content of the definition that it runs. */
  content_hash: string;
  /** Its node is to stop it. */
  is_stopping: Generated<boolean>;
  replica_status: ServiceState;
  /** Its port on the agent while it is running. */
  port: number | null;
  /** A ReplicaHistory. */
  history: JSONColumnType<object>;
  updated_at: Generated<Date>;
}

/** Tables of the runtime; pg-boss has its own schema. */
export interface Schema {
  team: TeamTable;
  credential: CredentialTable;
  workflow: WorkflowTable;
  workflow_version: WorkflowVersionTable;
  task: TaskTable;
  task_event: TaskEventTable;
  task_file: TaskFileTable;
  task_log: TaskLogTable;
  stored_file: StoredFileTable;
  shared_secret: SharedSecretTable;
  task_log_chunk: TaskLogChunkTable;
  idempotency_key: IdempotencyKeyTable;
  bundle: BundleTable;
  runtime_node: RuntimeNodeTable;
  connected_agent: ConnectedAgentTable;
  service_definition: ServiceDefinitionTable;
  service_replica: ServiceReplicaTable;
}

export type Db = Kysely<Schema>;
export type Tx = Transaction<Schema>;
