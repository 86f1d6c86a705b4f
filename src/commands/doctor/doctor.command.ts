import { type Config, packageVersion, readConfig, type Role, unknownVariables } from '../../config/index.js';
import { note, plainText, printJson, type PrintOptions } from '../client/printing.js';
import { checksOf } from './checks.js';
import { failedBy, type Finding, findingsOf, warned } from './finding.js';
import { checkLogin } from './login-check.js';
import { checkNode } from './machine-checks.js';

export interface DoctorOptions extends PrintOptions {
  readonly role: Role;
}

const FAILED = 1;

/** `doctor`: looks at what `serve` would use with the same settings, and changes nothing. Exit code 1 when a check has failed. */
export async function doctorCommand({ role, json: isJson }: DoctorOptions): Promise<void> {
  const findings: Finding[] = [];
  for (const group of findingsFor(role)) {
    const found = await group;
    findings.push(...found);
    if (!isJson) found.forEach(print);
  }
  const count = (status: Finding['status']): number => findings.filter((one) => one.status === status).length;
  if (isJson) printJson({ role, version: packageVersion, failed_count: count('failed'), findings });
  else note(summary(role, count('failed'), count('warning')));
  if (count('failed') > 0) process.exitCode = FAILED;
}

/** All at once; they are printed in this order. */
function findingsFor(role: Role): Promise<readonly Finding[]>[] {
  const settings = readSettings(role);
  const login = findingsOf({ name: 'login', look: checkLogin });
  const node = findingsOf({ name: 'node', look: checkNode });
  const unknown = unknownVariables().map((name) =>
    warned('settings', `${name} is not a setting and is ignored.`, 'See docs/configuration.md for its name.'),
  );
  if ('finding' in settings) return [node, Promise.resolve([settings.finding, ...unknown]), login];
  return [node, Promise.resolve(unknown), ...checksOf(settings.config).map(findingsOf), login];
}

function readSettings(role: Role): { readonly config: Config } | { readonly finding: Finding } {
  try {
    return { config: readConfig(role) };
  } catch (error) {
    return { finding: failedBy('settings', error) };
  }
}

const MARKS = { ok: 'ok', warning: 'warning', failed: 'FAILED' } as const;
const [MARK_WIDTH, NAME_WIDTH] = [9, 14];

function print({ check, status, seen, remedy }: Finding): void {
  const indent = ' '.repeat(MARK_WIDTH + NAME_WIDTH);
  const advice = remedy === undefined ? '' : `${indent}→ ${remedy}\n`;
  process.stdout.write(
    `${MARKS[status].padEnd(MARK_WIDTH)}${check.padEnd(NAME_WIDTH)}${plainText(seen)}\n${advice}`,
  );
}

function summary(role: Role, failures: number, warnings: number): string {
  const parts = [
    failures > 0 ? `${failures} failed` : '',
    warnings > 0 ? `${warnings} warning${warnings > 1 ? 's' : ''}` : '',
  ].filter((part) => part !== '');
  const found = parts.length > 0 ? parts.join(', ') : 'Nothing is wrong';
  return `${found} with the settings of serve --role ${role}. Nothing was changed.`;
}
