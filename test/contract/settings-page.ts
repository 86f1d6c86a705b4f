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
    '`HTTPS_PROXY`, `NO_PROXY` and `NODE_EXTRA_CA_CERTS` are honoured on the way to a Runtime API elsewhere.',
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
