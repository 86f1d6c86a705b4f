import { z } from 'zod';

import { bundleRef } from './agent-link.js';
import { containerSpec } from './container-spec.js';
import { multipartOffer } from './files.js';

/** A value, or a reference to a parameter (`referencePath`); the agent resolves it, a file parameter to a path. */
const value = z.unknown();
const values = z.record(z.string(), value);

export const SCRIPT_LANGUAGES = ['js', 'python'] as const;

/** Label of the agents that have Python. */
export const PYTHON_LABEL = 'python';

/** Seconds that the step may take; absent: only the run has a limit. */
const timeoutSeconds = z.number().int().min(1).optional();

/** One compiled step of a workflow, with unresolved references. */
export const runStep = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('shell'),
    name: z.string(),
    timeout_seconds: timeoutSeconds,
    command: z.string(),
    arguments: z.array(value),
    environment: values,
  }),
  z.object({
    kind: z.literal('script'),
    name: z.string(),
    timeout_seconds: timeoutSeconds,
    /** Absent for JavaScript, an ES module. */
    language: z.enum(SCRIPT_LANGUAGES).optional(),
    code: z.string(),
    arguments: z.array(value),
    environment: values,
  }),
  z.object({
    kind: z.literal('container'),
    name: z.string(),
    timeout_seconds: timeoutSeconds,
    container: containerSpec,
    /** For the shell of the image; without it the image's own program runs. */
    command: z.string().optional(),
    arguments: z.array(value),
    environment: values,
  }),
  z.object({
    kind: z.literal('http'),
    name: z.string(),
    timeout_seconds: timeoutSeconds,
    method: z.string(),
    endpoint: z.string(),
    headers: values,
    query: values,
    body: value.optional(),
  }),
]);
export type RunStep = z.infer<typeof runStep>;

/** Number and total bytes of the files that are kept of one task. */
export const outputLimits = z.object({ files: z.number().int(), bytes: z.number().int() });
export type OutputLimits = z.infer<typeof outputLimits>;

/** Nesting depth that the result of a run may have; many JSON parsers have the same limit. */
export const OUTPUT_DEPTH_LIMIT = 100;

/** An order to run a task once. */
export const runOrder = z.object({
  task_id: z.string(),
  /** From 1; counts every run of the task, including interrupted ones. */
  attempt: z.number().int().min(1),
  /** What the workflow requires of its agent, which may choose by it where the run takes place. */
  labels: z.array(z.string()).optional(),
  /** `slug@version` of its workflow; absent in the order of an older runtime. */
  workflow: z.string().optional(),
  /** W3C trace context of the request that has submitted the task. */
  trace: z.object({ traceparent: z.string(), tracestate: z.string().optional() }).optional(),
  steps: z.array(runStep).min(1),
  parameters: z.record(z.string(), z.unknown()),
  /** The files beside the definition; delivered before the order. */
  bundle: bundleRef.optional(),
  /** Download links of file parameters. */
  files: z.array(z.object({ parameter: z.string(), file_name: z.string(), url: z.string() })),
  /** Seconds from the agent's acknowledgement; 0 means no limit. */
  timeout_seconds: z.number().int().min(0),
  output_limits: outputLimits.optional(),
});
export type RunOrder = z.infer<typeof runOrder>;

/** Progress of a run; `progress` from 0 to 1. */
export const runProgress = z.object({
  progress: z.number().min(0).max(1),
  current_node: z.string().optional(),
  step_current: z.number().int().optional(),
  step_total: z.number().int().optional(),
  message: z.string().optional(),
});
export type RunProgress = z.infer<typeof runProgress>;

/** An output file of a run. */
export const outputFile = z.object({
  name: z.string(),
  size: z.number().int().min(0),
  content_type: z.string(),
});
export type OutputFile = z.infer<typeof outputFile>;

/** Where a line of a log comes from; `system` is a note of agent or runtime, such as one on dropped lines. */
export const LOG_STREAMS = ['stdout', 'stderr', 'system'] as const;
export type LogStream = (typeof LOG_STREAMS)[number];

/** Most characters of a chunk; agents send far smaller ones. */
const CHUNK_LIMIT = 1024 * 1024;

/** Lines that a step wrote to one stream, one after another. */
export const logChunk = z.object({
  /** Number of its first line in the log of the run, from 1. A note has that of the last line it stands for. */
  line: z.number().int().min(1),
  step: z.string().max(1000),
  stream: z.enum(LOG_STREAMS),
  /** When the first line was written, in milliseconds since 1970. */
  time: z.number().int().min(0).max(253_402_300_799_999),
  /** Separated by line feeds, without one at the end. */
  text: z.string().max(CHUNK_LIMIT),
});
export type LogChunk = z.infer<typeof logChunk>;

/** Report of a run that has ended on its agent. */
export const endReport = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('completed'),
    output: z.unknown(),
    /** The stored files. */
    files: z.array(outputFile),
    /** Sentences about outputs that were changed or not kept. */
    warnings: z.array(z.string()).optional(),
  }),
  z.object({
    type: z.literal('failed'),
    error: z.string(),
    /** Whether another run would fail in the same way. */
    is_final: z.boolean().optional(),
  }),
]);
export type EndReport = z.infer<typeof endReport>;

/** Lines (NDJSON) of the response to a run order; the last one is `completed`, `failed` or `returned`. */
export const runReport = z.discriminatedUnion('type', [
  /** Why the run has not started yet. Only before `started`, and only to commands with `takes_waits`. */
  z.object({ type: z.literal('waiting'), reason: z.string().max(2000) }),
  z.object({ type: z.literal('started') }),
  z.object({ type: z.literal('progress'), ...runProgress.shape }),
  /** More of the log, in order; answered by a `logged` line when it is stored. */
  z.object({ type: z.literal('log'), chunks: z.array(logChunk) }),
  /** Requests upload links for some files; answered by an `uploads` line. */
  z.object({ type: z.literal('outputs'), files: z.array(outputFile) }),
  endReport,
  /** The agent ends and has ended the run, which is to be given to another one. Only to orders with `hold_seconds`. */
  z.object({ type: z.literal('returned') }),
]);
export type RunReport = z.infer<typeof runReport>;

/** How long the run goes on without a stream; 0: it ends with its stream. */
const holdSeconds = z.number().min(0).optional();
/** Bytes that are kept of the log of the run; absent in commands of an older runtime, which takes none. */
const logBytes = z.number().int().min(0).optional();
/** Whether the runtime knows reports of the type `waiting`. */
const takesWaits = z.boolean().optional();

/** What a runtime offers for a run. */
const terms = { hold_seconds: holdSeconds, log_bytes: logBytes, takes_waits: takesWaits };

/**
 * Lines (NDJSON) of the request body; the first one is `order` or `attach`. A run goes on when the stream ends; only
 * `cancel` ends it.
 */
export const runCommand = z.discriminatedUnion('type', [
  z.object({ type: z.literal('order'), order: runOrder, ...terms }),
  /** Attaches to a run of the agent; 404 when it has none of this attempt. It repeats what still matters. */
  z.object({
    type: z.literal('attach'),
    task_id: z.string(),
    attempt: z.number().int().min(1),
    ...terms,
  }),
  z.object({
    type: z.literal('uploads'),
    uploads: z.array(
      z.object({
        name: z.string(),
        url: z.string(),
        headers: z.record(z.string(), z.string()),
        multipart: multipartOffer.optional(),
      }),
    ),
  }),
  z.object({ type: z.literal('cancel') }),
  /** The log is stored up to this line; the agent need not send it again. */
  z.object({ type: z.literal('logged'), line: z.number().int() }),
  /** The last report is stored; the agent forgets the run. */
  z.object({ type: z.literal('settled') }),
]);
export type RunCommand = z.infer<typeof runCommand>;
