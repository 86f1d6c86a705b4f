import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { parse } from 'yaml';

/** A check that failed, as a baseline names it. */
export interface Failure {
  readonly scenario: string;
  /** `<scenario>:<check>` */
  readonly entry: string;
  readonly why: string;
}

interface Check {
  readonly id: string;
  readonly status: string;
  readonly errorMessage?: string;
}

interface Scenario {
  readonly name: string;
  readonly checks: number;
  readonly failures: readonly Failure[];
}

/** The suite leaves one folder per scenario: server-<scenario>-<time>. */
const FOLDER = /^server-(?<scenario>.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/;
const REQUIREMENTS = new URL(
  'requirements/',
  import.meta.resolve('@modelcontextprotocol/conformance/package.json'),
);
const FAILED: ReadonlySet<string> = new Set(['FAILURE', 'WARNING']);

/** Where the suite left its findings, and what was expected of it. */
export interface SuiteRun {
  readonly folder: string;
  readonly revision: string;
  readonly baseline: URL;
}

/**
 * What a run of the suite found, held against the baseline of that run. A warning counts as a failure, as the suite
 * itself does with a baseline; so does every scenario beyond the frozen requirements.
 */
export function readOutcomes({ folder, revision, baseline }: SuiteRun) {
  const listed = existsSync(baseline) ? listIn(baseline) : [];
  const required = requirementsOf(revision);
  const scenarios = readScenarios(folder);
  const isRequired = ({ name }: Scenario): boolean => required?.includes(name) ?? true;
  const failures = scenarios.flatMap((scenario) => scenario.failures);
  const isListed = ({ scenario, entry }: Failure): boolean =>
    listed.includes(scenario) || listed.includes(entry);
  return {
    required: count(scenarios.filter(isRequired)),
    further: count(scenarios.filter((scenario) => !isRequired(scenario))),
    expected: failures.filter(isListed),
    unexpected: [...failures.filter((failure) => !isListed(failure)), ...leftOut(required, scenarios)],
    stale: listed.filter((name) => !failures.some(({ scenario, entry }) => [scenario, entry].includes(name))),
    scenarios: scenarios.map((scenario) => ({
      name: scenario.name,
      isRequired: isRequired(scenario),
      checks: scenario.checks,
      failed: scenario.failures.length,
    })),
  };
}

function readScenarios(folder: string): Scenario[] {
  const scenarios = readdirSync(folder).flatMap((entry) => {
    const name = FOLDER.exec(entry)?.groups?.['scenario'];
    return name === undefined ? [] : [readScenario(name, join(folder, entry, 'checks.json'))];
  });
  if (scenarios.length === 0) throw new Error(`the suite ran nothing, see ${folder}`);
  return scenarios;
}

function readScenario(name: string, file: string): Scenario {
  const checks = (JSON.parse(readFileSync(file, 'utf8')) as Check[]).filter(
    ({ status }) => status !== 'INFO',
  );
  const failures = checks
    .filter(({ status }) => FAILED.has(status))
    .map(({ id, status, errorMessage = '' }) => ({
      scenario: name,
      entry: `${name}:${id}`,
      why: `${status.toLowerCase()}: ${errorMessage}`,
    }));
  return { name, checks: checks.length, failures };
}

/** The frozen list of a revision; 2025-06-18 has none. */
function requirementsOf(revision: string): readonly string[] | undefined {
  const file = new URL(`${revision}.yaml`, REQUIREMENTS);
  return existsSync(file) ? listIn(file) : undefined;
}

function listIn(file: URL): readonly string[] {
  return (parse(readFileSync(file, 'utf8')) as { server?: string[] } | null)?.server ?? [];
}

const leftOut = (required: readonly string[] = [], scenarios: readonly Scenario[]): Failure[] =>
  required
    .filter((name) => !scenarios.some((scenario) => scenario.name === name))
    .map((name) => ({ scenario: name, entry: name, why: 'the suite did not run it' }));

const count = (scenarios: readonly Scenario[]) => ({
  passed: scenarios.filter(({ failures }) => failures.length === 0).length,
  total: scenarios.length,
});
