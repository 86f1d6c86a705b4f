import { randomUUID } from 'node:crypto';

import { Logger } from '@nestjs/common';
import { diag, type DiagLogger, DiagLogLevel, trace } from '@opentelemetry/api';
import type { Sampler, SpanProcessor } from '@opentelemetry/sdk-trace';

import { type Config, packageVersion, type Role, type TraceSettings } from '../config/index.js';

/** Names of the processes of this package in a trace, unless one is configured. */
const SERVICE_NAMES: Record<Role, string> = {
  all: 'cyberun-mcp',
  mcp: 'cyberun-mcp',
  runtime: 'cyberun-runtime',
  agent: 'cyberun-agent',
};
/** For the spans that are left at the end; a receiver that is not there must not hold up the end of the process. */
const FLUSH_LIMIT_MS = 3000;

type Sdk = typeof import('@opentelemetry/sdk-trace');

/** Sends the spans of this process. */
export interface TraceExport {
  /** Logs where spans go, and what is ignored. */
  announce(): void;
  /** Sends what is left. */
  end(): Promise<void>;
}

/** Traces this process if it is configured. Otherwise nothing of the SDK is loaded, and spans do nothing. */
export async function startTraces({ role, traces }: Pick<Config, 'role' | 'traces'>): Promise<TraceExport> {
  const { settings, warnings } = traces;
  const announceWarnings = (): void => {
    for (const warning of warnings) new Logger('Traces').warn(warning);
  };
  if (!settings) return { announce: announceWarnings, end: () => Promise.resolve() };
  const provider = await providerOf(role, settings);
  return {
    announce: () => {
      announceWarnings();
      new Logger('Traces').log({ message: 'spans are sent', endpoint: shown(settings.endpoint) });
    },
    end: async () => {
      trace.disable();
      diag.disable();
      let timer: NodeJS.Timeout | undefined;
      const limit = new Promise((resolve) => (timer = setTimeout(resolve, FLUSH_LIMIT_MS)));
      await Promise.race([provider.shutdown().catch(() => undefined), limit]);
      clearTimeout(timer);
    },
  };
}

async function providerOf(role: Role, settings: TraceSettings) {
  // Loaded only when they are used.
  const sdk = await import('@opentelemetry/sdk-trace');
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-proto');
  const { ReportingExporter } = await import('./reporting-exporter.js');
  const { endpoint, headers, timeoutMs, compression, batches } = settings;
  // What else the SDK reads itself, as the certificates of the receiver, it complains about here.
  diag.setLogger(diagnostics(), { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  const exporter = new OTLPTraceExporter({
    url: endpoint,
    headers: { ...headers },
    timeoutMillis: timeoutMs,
    compression: compression as never,
    userAgent: `cyberun-mcp/${packageVersion}`,
  });
  const processor: SpanProcessor = new sdk.BatchSpanProcessor({
    exporter: new ReportingExporter(exporter, shown(endpoint)),
    scheduledDelayMillis: batches.delayMs,
    maxQueueSize: batches.queueSize,
    maxExportBatchSize: batches.size,
  });
  const provider = new sdk.TracerProvider({
    resource: resourceOf(role, settings),
    sampler: samplerOf(sdk, settings),
    spanProcessors: [processor],
  });
  trace.setGlobalTracerProvider(provider);
  return provider;
}

function samplerOf(sdk: Sdk, { sampling: { sampler, ratio } }: TraceSettings): Sampler {
  const roots = {
    always_on: () => new sdk.AlwaysOnSampler(),
    always_off: () => new sdk.AlwaysOffSampler(),
    traceidratio: () => new sdk.TraceIdRatioBasedSampler(ratio),
  } as const;
  const name = sampler.replace('parentbased_', '') as keyof typeof roots;
  const root = roots[name]();
  return name === sampler ? root : new sdk.ParentBasedSampler({ root });
}

/** A resource whose attributes are all known, as an object: the package that makes them is one more to load. */
function resourceOf(role: Role, { resource, serviceName }: TraceSettings) {
  const attributes = {
    'service.instance.id': randomUUID(),
    'service.version': packageVersion,
    'cyberun.role': role,
    ...resource,
    'service.name': serviceName ?? SERVICE_NAMES[role],
  };
  const self = {
    attributes,
    merge: () => self,
    getRawAttributes: () => Object.entries<string>(attributes),
  };
  return self;
}

/** A URL without user and password. */
function shown(endpoint: string): string {
  const { origin, pathname } = new URL(endpoint);
  return origin + pathname;
}

/** The SDK repeats itself with every batch; a sentence is logged once. */
function diagnostics(): DiagLogger {
  const logger = new Logger('Traces');
  const seen = new Set<string>();
  const report = (sentence: string): void => {
    if (seen.size > 100 || seen.has(sentence)) return;
    seen.add(sentence);
    logger.warn(sentence);
  };
  const silent = (): void => undefined;
  return { error: report, warn: report, info: silent, debug: silent, verbose: silent };
}
