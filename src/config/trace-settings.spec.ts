import { describe, expect, it } from 'vitest';

import { readTraceConfig, traceVariables } from './trace-settings.js';

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/' };
const read = (more: Record<string, string> = {}) => readTraceConfig({ ...ENDPOINT, ...more });

it.each<[string, Record<string, string>, string | undefined]>([
  ['nowhere without a variable', {}, undefined],
  ['nowhere when only other variables are set', { OTEL_SERVICE_NAME: 'x' }, undefined],
  ['to the endpoint of all signals, with the path of traces', ENDPOINT, 'http://collector:4318/v1/traces'],
  [
    'to the endpoint of traces as it is',
    { ...ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://other/spans' },
    'https://other/spans',
  ],
  [
    'to this machine when the exporter alone is set',
    { OTEL_TRACES_EXPORTER: 'otlp' },
    'http://localhost:4318/v1/traces',
  ],
  ['nowhere with the exporter none', { ...ENDPOINT, OTEL_TRACES_EXPORTER: 'none' }, undefined],
  ['nowhere when the SDK is disabled', { ...ENDPOINT, OTEL_SDK_DISABLED: 'TRUE' }, undefined],
  ['nowhere for an empty endpoint', { OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }, undefined],
])('a process sends its spans %s', (_what, environment, endpoint) => {
  const { settings, warnings } = readTraceConfig(environment);
  expect(settings?.endpoint).toBe(endpoint);
  expect(warnings).toEqual([]);
});
it('readTraceConfig reads every variable', () => {
  const { settings, warnings } = read({
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20secret,x=1',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x=2',
    OTEL_EXPORTER_OTLP_TIMEOUT: '2000',
    OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: '1000',
    OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    OTEL_SERVICE_NAME: 'gateway',
    OTEL_RESOURCE_ATTRIBUTES: 'service.name=other,deployment.environment.name=live%20one',
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.25',
    OTEL_PROPAGATORS: 'none',
    OTEL_BSP_SCHEDULE_DELAY: '100',
    OTEL_BSP_MAX_QUEUE_SIZE: '10',
  });
  expect(warnings).toEqual([]);
  expect(settings).toEqual({
    endpoint: 'http://collector:4318/v1/traces',
    headers: { authorization: 'Bearer secret', x: '2' },
    timeoutMs: 1000,
    compression: 'gzip',
    sampling: { sampler: 'parentbased_traceidratio', ratio: 0.25 },
    isPropagated: false,
    resource: { 'deployment.environment.name': 'live one' },
    serviceName: 'gateway',
    batches: { delayMs: 100, queueSize: 10, size: 10 },
  });
});

describe('readTraceConfig ignores with a sentence', () => {
  it.each<[string, Record<string, string>, RegExp]>([
    ['an exporter it does not have', { OTEL_TRACES_EXPORTER: 'zipkin' }, /^OTEL_TRACES_EXPORTER is "zipkin"/],
    [
      'a sampler it does not have',
      { OTEL_TRACES_SAMPLER: 'xray' },
      /is "xray", which is ignored: it must be one of/,
    ],
    [
      'a ratio above 1',
      { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '25' },
      /^OTEL_TRACES_SAMPLER_ARG is "25".* from 0 to 1/,
    ],
    ['a protocol it does not speak', { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, /http\/protobuf only/],
    ['a timeout with a unit', { OTEL_EXPORTER_OTLP_TIMEOUT: '10s' }, /^OTEL_EXPORTER_OTLP_TIMEOUT is "10s"/],
    ['a propagator it does not have', { OTEL_PROPAGATORS: 'b3' }, /^OTEL_PROPAGATORS is "b3"/],
    ['a boolean that is none', { OTEL_SDK_DISABLED: 'yes' }, /^OTEL_SDK_DISABLED is "yes".*true or false/],
  ])('%s, and traces all the same', (_what, environment, sentence) => {
    const { settings, warnings } = read(environment);
    expect(settings?.endpoint).toBe('http://collector:4318/v1/traces');
    expect(warnings).toEqual([expect.stringMatching(sentence)]);
  });

  it('headers and endpoints that are not valid, without showing them', () => {
    const { warnings } = read({
      OTEL_EXPORTER_OTLP_HEADERS: 'secret',
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'collector:4317?password',
    });
    expect(warnings).toHaveLength(2);
    expect(warnings.join()).not.toMatch(/secret|password/);
  });
});

it('traceVariables are those of OpenTelemetry alone', () => {
  expect(traceVariables({ ...ENDPOINT, CYBERUN_BOOTSTRAP_KEY: 'sk-x', PATH: '/bin' })).toEqual(ENDPOINT);
});
