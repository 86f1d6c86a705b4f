import { validateSync, type ValidationError } from 'class-validator';

import { type Limits, LIMITS } from './limits.js';
import { type DeclaredSetting, settingsOf } from './setting.decorator.js';
import { Settings } from './settings.js';
import { StandaloneAgentSettings } from './standalone-agent-settings.js';
import { readTraceConfig, type TraceConfig } from './trace-settings.js';

/** What a process of this package is; chosen on the command line. */
export type Role = 'all' | 'mcp' | 'runtime' | 'agent';

/** The settings and the role, validated and frozen, the limits that are no settings, and where traces go. */
export type Config = Readonly<Settings> & {
  readonly role: Role;
  readonly limits: Limits;
  readonly traces: TraceConfig;
};

/** Whether this process serves the console. */
export const servesConsole = ({ role, console }: Pick<Config, 'role' | 'console'>): boolean =>
  (role === 'all' || role === 'runtime') && console !== 'off';

export const CONFIG = Symbol('CONFIG');

/** Stops the start for a reason the operator can fix. The message is one sentence for them and holds no secret. */
export class StartError extends Error {
  override readonly name: string = 'StartError';
}

export class SettingError extends StartError {
  override readonly name = 'SettingError';
}

/** Of every process. */
const DECLARED = settingsOf(StandaloneAgentSettings.prototype);

/** Variables with our prefix that are read elsewhere, or that Kubernetes sets for a service of this name. */
const READ_ELSEWHERE = /^CYBERUN_(AGENT_KEY|API_KEY|KEY|URL|OAUTH_KEY_[A-Z\d_]+)$/;
const SERVICE_LINK = /_SERVICE_(HOST|PORT)|_PORT_\d+_(TCP|UDP)/;

/**
 * Reads and validates the settings of a role.
 *
 * @throws {SettingError} naming the variable, the problem of its value and an example.
 */
export function readConfig(role: Role, environment: NodeJS.ProcessEnv = process.env): Config {
  const settings = validated(new Settings(), environmentOf(environment));
  checkRole(role, settings);
  checkPorts(settings);
  checkObjectStore(settings);
  return deepFreeze(Object.assign(settings, { role, limits: LIMITS, traces: readTraceConfig(environment) }));
}

/** A text that was given for a setting, and the name of its place. */
export interface Given {
  readonly name: string;
  readonly text: string;
}

/** Where the text of a setting is found; `undefined` when it is not set. */
type Source = (setting: DeclaredSetting) => Given | undefined;

export const environmentOf =
  (environment: NodeJS.ProcessEnv): Source =>
  ({ env }) => {
    const text = environment[env]?.trim() ?? '';
    return text === '' ? undefined : { name: env, text };
  };

/** @throws {SettingError} naming the place of a text, its problem and an example. */
export function validated<Some extends Settings>(settings: Some, source: Source): Some {
  for (const setting of settingsOf(settings)) {
    const given = source(setting);
    if (given) Object.assign(settings, { [setting.property]: setting.parse(given.text) });
  }
  const [problem] = validateSync(settings, { validationError: { target: false } });
  if (problem) throw unusable(problem, source);
  return settings;
}

/** Names of `CYBERUN_…` variables that no setting reads: most likely misspelt. */
export function unknownVariables(environment: NodeJS.ProcessEnv = process.env): string[] {
  const known = new Set(DECLARED.map(({ env }) => env));
  return Object.entries(environment)
    .filter(
      ([name, text]) =>
        name.startsWith('CYBERUN_') && !SERVICE_LINK.test(name) && !text?.startsWith('tcp://'),
    )
    .map(([name]) => name)
    .filter((name) => !known.has(name) && !READ_ELSEWHERE.test(name));
}

function unusable(problem: ValidationError, source: Source): SettingError {
  const setting = declared(problem.property);
  const { name, text } = source(setting) ?? { name: setting.env, text: '' };
  const rule = Object.values(problem.constraints ?? {})[0] ?? 'is not valid';
  const given = setting.isSecret ? 'a value that is not shown' : `"${text}"`;
  return new SettingError(
    `${name} is ${given}, but ${rule.replace(problem.property, 'it')}. Example: ${setting.example}`,
  );
}

function checkRole(role: Role, { runtimeUrl, console }: Settings): void {
  if (role === 'mcp' && runtimeUrl === undefined) {
    throw new SettingError(
      'Role mcp needs CYBERUN_RUNTIME_URL, the base URL of a Runtime API. Example: https://core.cyberun.cloud/api/v1',
    );
  }
  if (role === 'mcp' && console === 'on') {
    throw new SettingError(
      'CYBERUN_CONSOLE is on, but role mcp has no runtime that the console could show. Unset it here, and open /console at the runtime. Example: off',
    );
  }
  if ((role === 'all' || role === 'runtime') && runtimeUrl !== undefined) {
    throw new SettingError(
      `CYBERUN_RUNTIME_URL is set, but role ${role} runs a runtime of its own. Unset it, or start with --role mcp.`,
    );
  }
}

/** The settings that open a port. */
const PORTS = ['httpPort', 'metricsPort', 'healthPort'] as const;

/** Each port is used once; 0 is any free one. */
function checkPorts(settings: Settings): void {
  const users = new Map<number, string>();
  for (const property of PORTS) {
    const port = settings[property];
    if (port === undefined || port === 0) continue;
    const { env, example } = declared(property);
    const other = users.get(port);
    if (other !== undefined)
      throw new SettingError(
        `${env} is ${port}, which is ${other} too. Choose another one. Example: ${example}`,
      );
    users.set(port, env);
  }
}

/** What an object store needs besides its endpoint, and what has no effect without one. */
const STORE_NEEDS = ['s3Bucket', 's3AccessKeyId', 's3SecretAccessKey'] as const;
const STORE_MAY_HAVE = ['s3PublicEndpoint', 's3SessionToken'] as const;

function checkObjectStore(settings: Settings): void {
  const lacks = (property: keyof Settings): boolean => settings[property] === undefined;
  if (!lacks('s3Endpoint')) {
    const missing = STORE_NEEDS.find(lacks);
    if (!missing) return;
    const { env, example } = declared(missing);
    throw new SettingError(
      `${env} is not set, but files cannot be kept at CYBERUN_S3_ENDPOINT without it. Example: ${example}`,
    );
  }
  const alone = [...STORE_NEEDS, ...STORE_MAY_HAVE].find((property) => !lacks(property));
  if (!alone) return;
  throw new SettingError(
    `CYBERUN_S3_ENDPOINT is not set, and without it ${declared(alone).env} has no effect. Set both or neither. Example: ${declared('s3Endpoint').example}`,
  );
}

function declared(name: string): DeclaredSetting {
  const setting = DECLARED.find(({ property }) => property === name);
  if (!setting) throw new Error(`property ${name} is not declared as a setting`);
  return setting;
}

function deepFreeze<Value extends object>(value: Value): Value {
  for (const inner of Object.values(value)) if (Array.isArray(inner)) Object.freeze(inner);
  return Object.freeze(value);
}
