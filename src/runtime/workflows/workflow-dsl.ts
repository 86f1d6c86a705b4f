import { z } from 'zod';

import { LABEL } from '../../contract/index.js';
import { containerFields } from '../definitions/index.js';

const SLUG = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
const VERSION = 'must be a text such as "1.0.0", in quotes';
/** From semver.org. */
const SEMANTIC_VERSION =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$/;
const JQ_EXPRESSION = /\$\{\s*\./;

/** Limit for one run; the queue would give a longer run to another agent. */
export const RUN_LIMIT_SECONDS = 86_000;

const DURATION =
  'must be a mapping such as { minutes: 5 }: named timeouts and ISO 8601 durations are not supported';

const duration = (least: number) =>
  z
    .strictObject(
      {
        days: z.number().min(0).default(0),
        hours: z.number().min(0).default(0),
        minutes: z.number().min(0).default(0),
        seconds: z.number().min(0).default(0),
      },
      DURATION,
    )
    .transform(({ days, hours, minutes, seconds }) =>
      Math.ceil(((days * 24 + hours) * 60 + minutes) * 60 + seconds),
    )
    .refine(
      (seconds) => seconds >= least && seconds <= RUN_LIMIT_SECONDS,
      `must be between ${least} and ${RUN_LIMIT_SECONDS} seconds`,
    );

/** Of a whole run, or of one step. */
const timeout = z.strictObject(
  { after: duration(1) },
  'must be a mapping with after: named timeouts are not supported',
);

const scalar = z.union([z.string(), z.number(), z.boolean()]);
const environment = z.record(z.string().regex(/^[A-Za-z_]\w*$/, 'must be the name of a variable'), scalar);
const argumentList = z.array(scalar, 'must be a list: arguments are positional here');

const command = z
  .string()
  .min(1)
  .refine(
    (text) => !JQ_EXPRESSION.test(text),
    'must not contain ${ .… }: give the value in arguments or environment, and use it as "$1" or "$NAME"',
  );

const shell = z.strictObject({
  command,
  arguments: argumentList.default([]),
  environment: environment.default({}),
});

const script = z.strictObject({
  language: z
    .enum(
      ['js', 'javascript', 'python'],
      'must be js or python: a program in another language is started by run: shell',
    )
    .transform((language) => (language === 'python' ? 'python' : 'js')),
  code: z.string().min(1),
  arguments: argumentList.default([]),
  environment: environment.default({}),
});

/** A path in the container, `:ro` behind it to read only. */
const volumeTarget = z.string('must be a path in the container').transform((text, context) => {
  const read_only = text.endsWith(':ro');
  const path = containerFields.containerPath.safeParse(read_only ? text.slice(0, -':ro'.length) : text);
  if (path.success) return { container_path: path.data, read_only };
  context.addIssue({ code: 'custom', message: path.error.issues[0]?.message ?? 'is not a path' });
  return z.NEVER;
});

const container = z.strictObject({
  image: containerFields.image,
  command: command.optional(),
  arguments: argumentList.default([]),
  environment: environment.default({}),
  volumes: z
    .record(z.string(), volumeTarget, 'must be a mapping such as { /data/models: "/models:ro" }')
    .superRefine((volumes, context) => {
      for (const path of Object.keys(volumes)) {
        const [issue] = containerFields.hostPath.safeParse(path).error?.issues ?? [];
        if (issue) context.addIssue({ code: 'custom', path: [path], message: issue.message });
      }
    })
    .default({}),
  pullPolicy: containerFields.pullPolicy.default('ifNotPresent'),
});

/** The DSL has no resources; `metadata` is its place for what a runtime adds. */
const resources = z.strictObject({
  cpu: containerFields.cpu.optional(),
  memory: containerFields.memory.optional(),
  gpus: containerFields.gpuCount.optional(),
});

const runStep = z
  .strictObject({
    run: z
      .strictObject({
        shell: shell.optional(),
        script: script.optional(),
        container: container.optional(),
      })
      .refine(
        (kinds) => Object.values(kinds).filter((kind) => kind !== undefined).length === 1,
        'needs exactly one of shell, script and container',
      ),
    timeout: timeout.optional(),
    metadata: z.strictObject({ resources: resources.optional() }).default({}),
  })
  .refine(({ run, metadata }) => run.container !== undefined || metadata.resources === undefined, {
    path: ['metadata', 'resources'],
    message: 'is for steps with run: container; a process has the resources of its agent',
  });

const namedValues = (what: string) =>
  z.record(
    z.string(),
    scalar,
    `must be a mapping of ${what} to values; a reference to all of them is not supported`,
  );

const callStep = z.strictObject({
  call: z.literal('http', 'must be http: no other call is supported'),
  with: z.strictObject({
    method: z.string('must be a method such as get').regex(/^[A-Za-z]+$/, 'must be a method such as get'),
    endpoint: z
      .string('must be a text: an endpoint with uri and authentication is not supported')
      .refine(
        (endpoint) => endpoint.includes('${') || /^https?:\/\/[^/\s]\S*$/i.test(endpoint),
        'must be a URL that begins with http:// or https://, or a reference such as ${ .url }',
      ),
    headers: namedValues('names').default({}),
    query: namedValues('names').default({}),
    body: z.unknown().optional(),
  }),
  timeout: timeout.optional(),
});

/** The keyword selects the schema of a step, so that errors refer to the intended kind of step. */
const step = z.unknown().transform((value, context) => {
  const isCall = typeof value === 'object' && value !== null && 'call' in value;
  const parsed = (isCall ? callStep : runStep).safeParse(value);
  if (parsed.success) return parsed.data;
  context.issues.push(...parsed.error.issues.map((issue) => ({ ...issue, input: value }) as never));
  return z.NEVER;
});

const namedStep = z
  .record(z.string(), step)
  .refine(
    (steps) => Object.keys(steps).length === 1,
    'must hold exactly one step: its name and what it does',
  );

const retryCount = z.number().int().min(0).max(100);
const BACKOFFS = ['constant', 'linear', 'exponential'] as const;

/** A retry policy of the DSL, for whole runs: the DSL has it in `catch`, for the steps of a `try`. */
const retry = z.strictObject(
  {
    delay: duration(0).optional(),
    backoff: z
      .strictObject({
        constant: z.strictObject({}).optional(),
        linear: z.strictObject({}).optional(),
        exponential: z.strictObject({}).optional(),
      })
      .refine(
        (given) => Object.keys(given).length === 1,
        'must have exactly one of constant, linear and exponential, such as { linear: {} }',
      )
      .transform((given) => BACKOFFS.find((name) => given[name] !== undefined))
      .optional(),
    limit: z.strictObject({ attempt: z.strictObject({ count: retryCount }) }).optional(),
  },
  'must be a mapping with delay, backoff and limit: named retry policies are not supported',
);

const LONGEST_CONFIRMATION = 500;

/** What to ask before a run: a sentence, or `true` for a common one. */
const confirmation = z
  .union([z.boolean(), z.string().min(1).max(LONGEST_CONFIRMATION)], {
    error: `must be true, or a sentence of at most ${LONGEST_CONFIRMATION} characters`,
  })
  .transform((asked) => (asked === true ? 'This run may be costly.' : asked || undefined));

const metadata = z
  .looseObject({
    labels: z.array(z.string().regex(LABEL, 'must be of letters, digits, ".", "_", "-"')).default([]),
    max_retries: retryCount.optional(),
    retry: retry.optional(),
    tool: z.boolean('must be true or false').default(false),
    confirm: confirmation.optional(),
  })
  .refine(
    ({ max_retries, retry }) =>
      retry === undefined || (max_retries === undefined) !== (retry.limit === undefined),
    {
      path: ['retry'],
      message: 'needs either limit: { attempt: { count: 3 } } or max_retries beside it, and not both',
    },
  );

/** The supported part of the Serverless Workflow DSL 1.0. Strict: unknown keywords are rejected by name. */
export const workflowDocument = z.strictObject({
  document: z.strictObject({
    dsl: z.string(VERSION).regex(/^1\.0\.\d+$/, 'must be a version of the DSL 1.0, such as 1.0.0'),
    namespace: z
      .string()
      .regex(
        /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/,
        'must be 1 to 63 letters, digits and inner hyphens',
      ),
    name: z.string().min(2).max(100).regex(SLUG, 'must be lower-case words joined by hyphens'),
    version: z.string(VERSION).regex(SEMANTIC_VERSION, 'must be a semantic version, such as 1.0.0'),
    title: z.string().min(1).max(255).optional(),
    summary: z.string().max(2000).optional(),
    tags: z.record(z.string().min(1).max(63), z.string().max(200)).optional(),
    metadata: metadata.default({ labels: [], tool: false }),
  }),
  input: z
    .strictObject({
      schema: z.strictObject({
        format: z.literal('json').optional(),
        document: z.looseObject({ type: z.literal('object') }),
      }),
    })
    .optional(),
  timeout: timeout.optional(),
  do: z.array(namedStep).min(1),
});
export type WorkflowDocument = z.infer<typeof workflowDocument>;
export type WorkflowStep = z.infer<typeof runStep> | z.infer<typeof callStep>;
