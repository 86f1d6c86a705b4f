import { readFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';

import { closest, distance } from 'fastest-levenshtein';

import { environmentOf, type Given, SettingError, StartError, validated } from './config.js';
import { type DeclaredSetting, settingsOf } from './setting.decorator.js';
import { StandaloneAgentSettings } from './standalone-agent-settings.js';

/** A setting of an agent, which is a variable, a flag and a key of its file. */
interface AgentOption extends DeclaredSetting {
  /** As in `work_dir`, the key of the file. */
  readonly key: string;
  /** As in `--work-dir`. */
  readonly flag: string;
}

const PREFIX = 'CYBERUN_AGENT_';

export const AGENT_OPTIONS: readonly AgentOption[] = settingsOf(StandaloneAgentSettings.prototype)
  .filter(({ env }) => env.startsWith(PREFIX))
  .map((setting) => {
    const key = setting.env.slice(PREFIX.length).toLowerCase();
    return { ...setting, key, flag: `--${key.replaceAll('_', '-')}` };
  });

/** The texts of flags by the key of their option. */
export type AgentFlags = Readonly<Record<string, string | undefined>>;

export type AgentConfig = Readonly<StandaloneAgentSettings> & {
  readonly agentGateway: readonly string[];
  /** An `ak-` key. */
  readonly agentKey: string;
};

/**
 * Reads the settings of a standalone agent: flags win over variables, and these over the file.
 *
 * @throws {SettingError} naming the flag, the variable or the key of the file, the problem of its value and an example.
 */
export async function readAgentConfig(
  flags: AgentFlags,
  file: string | undefined,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<AgentConfig> {
  const inFile = file === undefined ? {} : await readAgentFile(file);
  const fromEnvironment = environmentOf(environment);
  const optionOf = (env: string): AgentOption | undefined => AGENT_OPTIONS.find((one) => one.env === env);
  const settings = validated(new StandaloneAgentSettings(), (setting): Given | undefined => {
    const option = optionOf(setting.env);
    if (!option) return fromEnvironment(setting);
    const flag = flags[option.key];
    if (flag !== undefined) return { name: option.flag, text: flag };
    return fromEnvironment(setting) ?? inFile[option.key];
  });
  const { agentGateway } = settings;
  if (agentGateway === undefined) {
    throw new SettingError(
      'An agent needs --gateway, the address of its runtime. Example: --gateway https://runtime.example.com',
    );
  }
  return Object.freeze(Object.assign(settings, { agentGateway, agentKey: keyOf(settings, environment) }));
}

function keyOf({ agentKeyFile }: StandaloneAgentSettings, environment: NodeJS.ProcessEnv): string {
  const given = environment['CYBERUN_AGENT_KEY']?.trim() ?? '';
  const isInFile = given === '' && agentKeyFile !== undefined;
  if (isInFile && basename(agentKeyFile).startsWith('ak-')) {
    throw new SettingError(
      'The key file is given as a key, but it must be the path of a file that holds the key. Example: /etc/cyberun/agent.key',
    );
  }
  const key = isInFile ? readText(agentKeyFile, 'The key file').trim() : given;
  if (/^ak-\S+$/.test(key)) return key;
  const where = isInFile ? `The key file ${agentKeyFile}` : 'CYBERUN_AGENT_KEY';
  const how = isInFile ? '' : ', or be left out for --key-file';
  throw new SettingError(
    `${where} must hold an ak- key${how}. Make one at the runtime with: cyberun-mcp keys create --kind agent`,
  );
}

async function readAgentFile(file: string): Promise<Readonly<Record<string, Given>>> {
  const content = await parsed(file);
  const given: Record<string, Given> = {};
  for (const [key, value] of Object.entries(content)) {
    const option = AGENT_OPTIONS.find((one) => one.key === key);
    if (!option) throw unknownKey(key, file);
    const text = textOf(value);
    if (text === undefined) {
      throw new SettingError(
        `${key} in ${file} must be a value, or a list of values. Example: ${key}: ${option.example}`,
      );
    }
    // As in most configuration files, paths are relative to the file.
    if (text !== '')
      given[key] = { name: `${key} in ${file}`, text: option.isPath ? resolve(dirname(file), text) : text };
  }
  return given;
}

async function parsed(file: string): Promise<object> {
  // Here, because no other process reads YAML in its main thread.
  const { parse } = await import('yaml');
  let content: unknown;
  try {
    content = parse(readText(file, 'The file of --config'));
  } catch (error) {
    if (error instanceof StartError) throw error;
    const [reason = ''] = (error as Error).message.split('\n');
    throw new SettingError(`${file} is not YAML: ${reason.replace(/:$/, '')}.`);
  }
  // An empty file.
  if (content === null) return {};
  if (typeof content === 'object' && !Array.isArray(content)) return content;
  throw new SettingError(`${file} must hold options of an agent by name. Example: slots: 4`);
}

/** A value as a variable would hold it; `undefined` for a map. */
function textOf(value: unknown): string | undefined {
  if (value === null) return '';
  if (Array.isArray(value)) {
    const texts = value.map((item: unknown) => (Array.isArray(item) ? undefined : textOf(item)));
    return texts.includes(undefined) ? undefined : texts.join(',');
  }
  if (typeof value === 'string') return value.trim();
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}

function unknownKey(key: string, file: string): SettingError {
  if (key === 'key') {
    return new SettingError(
      `key in ${file}: an ak- key does not belong into this file. Put it into one of its own and name that as key_file, or set CYBERUN_AGENT_KEY.`,
    );
  }
  const known = AGENT_OPTIONS.map((option) => option.key);
  const near = closest(key.toLowerCase().replaceAll('-', '_'), known);
  const hint = distance(key.toLowerCase(), near) <= 3 ? ` Did you mean ${near}?` : '';
  return new SettingError(
    `${key} in ${file} is not an option of an agent.${hint} The options are ${known.join(', ')}.`,
  );
}

function readText(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new SettingError(`${what} cannot be read: ${(error as Error).message}.`);
  }
}
