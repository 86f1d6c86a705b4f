import {
  AGENT_OPTIONS,
  type SettingDescription,
  Settings,
  settingsOf,
  StandaloneAgentSettings,
} from '../../src/config/index.js';

interface Described extends SettingDescription {
  readonly property: string;
}

const defaults = new StandaloneAgentSettings();

/** Default, meaning and example, as cells of a table. */
function cells({ property, meaning, example, defaultText, isSecret }: Described): string {
  const secret = isSecret === true ? ' Secret: it is never shown.' : '';
  const fallback = defaultText ?? `\`${String(Reflect.get(defaults, property))}\``;
  return `${fallback} | ${meaning}${secret} | \`${example}\` |`;
}

/** The standard variables for traces: name, default, meaning. */
const TRACE_VARIABLES: readonly (readonly [names: string, fallback: string, meaning: string])[] = [
  ['OTEL_SDK_DISABLED', '`false`', '`true` traces nothing, also where an endpoint is set.'],
  ['OTEL_TRACES_EXPORTER', '`otlp` where an endpoint is set, else `none`', '`otlp` or `none`.'],
  [
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    'empty: no traces; with the exporter `otlp` http://localhost:4318',
    'Receiver of all signals; spans go to `v1/traces` below it.',
  ],
  ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'as above', 'Receiver of spans, used as it is.'],
  [
    'OTEL_EXPORTER_OTLP_PROTOCOL, OTEL_EXPORTER_OTLP_TRACES_PROTOCOL',
    '`http/protobuf`',
    'There is no other; `grpc` is a warning.',
  ],
  [
    'OTEL_EXPORTER_OTLP_HEADERS, OTEL_EXPORTER_OTLP_TRACES_HEADERS',
    'none',
    '`name=value` with commas between, values percent-encoded. Secret: they are never shown.',
  ],
  [
    'OTEL_EXPORTER_OTLP_TIMEOUT, OTEL_EXPORTER_OTLP_TRACES_TIMEOUT',
    '`10000`',
    'Milliseconds for one batch, with its repetitions.',
  ],
  ['OTEL_EXPORTER_OTLP_COMPRESSION, OTEL_EXPORTER_OTLP_TRACES_COMPRESSION', '`none`', '`gzip` or `none`.'],
  [
    'OTEL_EXPORTER_OTLP_CERTIFICATE, OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE, OTEL_EXPORTER_OTLP_CLIENT_KEY',
    'none',
    'Files in PEM form: the CA of the receiver, and what this process shows it.',
  ],
  [
    'OTEL_SERVICE_NAME',
    '`cyberun-mcp`, `cyberun-runtime` or `cyberun-agent`, by role',
    'Name of the process in a trace.',
  ],
  [
    'OTEL_RESOURCE_ATTRIBUTES',
    'none',
    'More that describes the process, as `deployment.environment.name=live`.',
  ],
  [
    'OTEL_TRACES_SAMPLER',
    '`parentbased_always_on`',
    '`always_on`, `always_off`, `traceidratio`, or one of these with `parentbased_` in front, which does as the client does.',
  ],
  ['OTEL_TRACES_SAMPLER_ARG', '`1`', 'Share of the traces that are kept, from 0 to 1, for `traceidratio`.'],
  [
    'OTEL_PROPAGATORS',
    '`tracecontext`',
    '`none` takes no trace from clients and gives none to the Runtime API. `baggage` has no effect: of what a client sends, nothing but its trace goes on.',
  ],
  [
    'OTEL_BSP_SCHEDULE_DELAY, OTEL_BSP_MAX_QUEUE_SIZE, OTEL_BSP_MAX_EXPORT_BATCH_SIZE',
    '`5000`, `2048`, `512`',
    'Milliseconds until spans are sent; how many may wait for that, more are dropped; how many are sent at once.',
  ],
];

/** docs/configuration.md: every variable, what it is left out as, and what it means. */
export function settingsPage(): string {
  return [
    '# Configuration',
    '',
    '<!-- Printed by `npm run print` from src/config. Do not edit. -->',
    '',
    'Every setting is an environment variable. An empty one counts as not set. A value that cannot be used stops the start with one sentence that names the variable, the problem and an example.',
    '',
    '| Variable | Default | Meaning | Example |',
    '| --- | --- | --- | --- |',
    ...settingsOf(Settings.prototype).map((setting) => `| \`${setting.env}\` | ${cells(setting)}`),
    '',
    '`HTTPS_PROXY`, `NO_PROXY` and `NODE_EXTRA_CA_CERTS` are honoured on the way to a Runtime API elsewhere, and to the issuers of access tokens.',
    '',
    '## Traces',
    '',
    'Traces have the standard variables of [OpenTelemetry](https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/), each process its own, agents included. A value that is not understood is ignored with a warning in the log, as their specification wants it: the same variables often are set for every container of a pod. What is traced is in [operations.md](operations.md#traces).',
    '',
    '| Variable | Default | Meaning |',
    '| --- | --- | --- |',
    ...TRACE_VARIABLES.map(
      ([names, fallback, meaning]) => `| ${names.replaceAll(/\w+/g, '`$&`')} | ${fallback} | ${meaning} |`,
    ),
    '',
    '## Agents on other machines',
    '',
    'An option of `cyberun-mcp agent` is a flag, a variable (`--work-dir` is `CYBERUN_AGENT_WORK_DIR`) and a key of the YAML file that `--config` names. Flags win over variables, and variables over the file. A list is separated by commas, or is a list of YAML. Paths in the file are relative to it. A key that is not an option is refused.',
    '',
    '```yaml',
    ...SAMPLE,
    '```',
    '',
    '| Key | Flag | Default | Meaning | Example |',
    '| --- | --- | --- | --- | --- |',
    ...AGENT_OPTIONS.map((option) => `| \`${option.key}\` | \`${option.flag}\` | ${cells(option)}`),
    '',
    'The `ak-` key of an agent is in `CYBERUN_AGENT_KEY`, or in a file that `key_file` names.',
    '',
  ].join('\n');
}

/** The file of an agent; a test reads it. */
export const SAMPLE: readonly string[] = [
  '# agent.yaml: cyberun-mcp agent --config agent.yaml',
  'gateway: [https://node-1.example.com, https://node-2.example.com]',
  'key_file: agent.key',
  'id: gpu-01',
  'labels: [local, gpu]',
  'slots: 2',
  'drain_seconds: 600',
  'work_dir: /var/lib/cyberun/agent',
  'cache_dir: /var/cache/cyberun/agent',
];
