import { StandardVariables } from './standard-variables.js';

/** The samplers of OpenTelemetry that this server has. */
const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

/** Which traces are kept. */
interface Sampling {
  readonly sampler: (typeof SAMPLERS)[number];
  /** Share of the traces, for the samplers by ratio. */
  readonly ratio: number;
}

/** How spans are collected before they are sent. */
interface SpanBatches {
  readonly delayMs: number;
  readonly queueSize: number;
  readonly size: number;
}

/** Where spans are sent, and which. */
export interface TraceSettings {
  /** URL of the receiver, with its path. */
  readonly endpoint: string;
  /** Headers for the receiver; they may hold a secret. */
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly compression: 'gzip' | 'none';
  readonly sampling: Sampling;
  /** Whether traces of clients are continued, and go on in other processes. */
  readonly isPropagated: boolean;
  /** What describes this process beside its name and version. */
  readonly resource: Readonly<Record<string, string>>;
  readonly serviceName: string | undefined;
  readonly batches: SpanBatches;
}

/** What the standard variables say; without settings nothing is traced. */
export interface TraceConfig {
  readonly settings?: TraceSettings;
  /** Sentences about values that are ignored, as the specification of OpenTelemetry wants it. */
  readonly warnings: readonly string[];
}

const PREFIX = 'OTEL_';
const OTLP = 'OTEL_EXPORTER_OTLP';
const DEFAULT_ENDPOINT = 'http://localhost:4318';
const PATH = 'v1/traces';
const DEFAULT_TIMEOUT_MS = 10_000;
const PROTOCOL = 'http/protobuf';
/** Sent by this server in no case: only the trace of a client goes on to other processes. */
const WITHOUT_EFFECT = 'baggage';

/**
 * Reads the standard variables of OpenTelemetry for traces. Nothing is traced unless an endpoint or the exporter `otlp` is
 * set, other than in the SDK, whose default sends to localhost.
 */
export function readTraceConfig(environment: NodeJS.ProcessEnv): TraceConfig {
  const variables = new StandardVariables(environment);
  if (variables.isTrue('OTEL_SDK_DISABLED')) return { warnings: [] };
  const exporter = variables.oneOf(['OTEL_TRACES_EXPORTER'], ['otlp', 'none']);
  const endpoint = endpointOf(variables);
  const isOff = exporter === 'none' || (exporter === undefined && endpoint === undefined);
  if (isOff) return { warnings: variables.warnings };
  checkProtocol(variables);
  const { 'service.name': named, ...resource } = variables.pairs(['OTEL_RESOURCE_ATTRIBUTES']);
  const settings: TraceSettings = {
    endpoint: endpoint ?? `${DEFAULT_ENDPOINT}/${PATH}`,
    headers: { ...variables.pairs([`${OTLP}_HEADERS`]), ...variables.pairs([`${OTLP}_TRACES_HEADERS`]) },
    timeoutMs: variables.wholeNumber(specific('TIMEOUT'), { min: 1 }) ?? DEFAULT_TIMEOUT_MS,
    compression: variables.oneOf(specific('COMPRESSION'), ['none', 'gzip']) ?? 'none',
    sampling: samplingOf(variables),
    isPropagated: isPropagated(variables),
    resource,
    serviceName: variables.text(['OTEL_SERVICE_NAME'])?.text ?? named,
    batches: batchesOf(variables),
  };
  return { settings, warnings: variables.warnings };
}

/** The variables of OpenTelemetry, for a process of this package that is started by this one. */
export const traceVariables = (environment: NodeJS.ProcessEnv = process.env): Record<string, string> =>
  Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) =>
      name.startsWith(PREFIX) && value !== undefined ? [[name, value] as const] : [],
    ),
  );

/** The variable of traces wins over that of all signals. */
const specific = (name: string): [string, string] => [`${OTLP}_TRACES_${name}`, `${OTLP}_${name}`];

function endpointOf(variables: StandardVariables): string | undefined {
  const own = variables.url(`${OTLP}_TRACES_ENDPOINT`);
  if (own !== undefined) return own;
  const all = variables.url(`${OTLP}_ENDPOINT`);
  return all === undefined ? undefined : `${all.replace(/\/+$/, '')}/${PATH}`;
}

function checkProtocol(variables: StandardVariables): void {
  const given = variables.text(specific('PROTOCOL'));
  if (!given || given.text === PROTOCOL) return;
  variables.warn(
    `${given.name} is "${given.text}", but this server sends spans as ${PROTOCOL} only, and does so. Set ${PROTOCOL} and the endpoint for it, which usually has port 4318.`,
  );
}

function samplingOf(variables: StandardVariables): Sampling {
  const sampler = variables.oneOf(['OTEL_TRACES_SAMPLER'], SAMPLERS) ?? 'parentbased_always_on';
  const takesRatio = sampler.endsWith('traceidratio');
  const ratio = takesRatio ? variables.ratio('OTEL_TRACES_SAMPLER_ARG') : undefined;
  return { sampler, ratio: ratio ?? 1 };
}

function isPropagated(variables: StandardVariables): boolean {
  const names = variables.list('OTEL_PROPAGATORS', ['tracecontext', WITHOUT_EFFECT, 'none']);
  return names === undefined || names.includes('tracecontext');
}

function batchesOf(variables: StandardVariables): SpanBatches {
  const whole = (name: string, min: number): number | undefined =>
    variables.wholeNumber([`OTEL_BSP_${name}`], { min });
  const queueSize = whole('MAX_QUEUE_SIZE', 1) ?? 2048;
  return {
    delayMs: whole('SCHEDULE_DELAY', 0) ?? 5000,
    queueSize,
    size: Math.min(whole('MAX_EXPORT_BATCH_SIZE', 1) ?? 512, queueSize),
  };
}
