import { access, constants } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

import { Confinement, seenEngines } from '../../agent/index.js';
import { type Config, loadOAuthFileReader, packagePaths } from '../../config/index.js';
import { readDefinitionFiles } from '../../runtime/index.js';
import { type Finding, broken, passed, warned } from './finding.js';

/** The container engine of the local agent. */
export async function checkContainers({ agentContainerSocket: socket }: Config): Promise<Finding> {
  const check = 'containers';
  if (socket === 'off') return passed(check, 'They are switched off (CYBERUN_AGENT_CONTAINER_SOCKET).');
  const engines = await seenEngines(socket);
  const found = engines.find(({ name }) => name !== undefined);
  if (found) return passed(check, `${found.name} answers at ${found.socket}.`);
  const [silent] = engines;
  if (!silent)
    return passed(
      check,
      'No Docker or Podman was found; steps and services that are containers do not run here.',
    );
  const remedy = 'Start it, or set CYBERUN_AGENT_CONTAINER_SOCKET to off.';
  return (socket === 'auto' ? warned : broken)(check, silent.problem ?? '', remedy);
}

/** What the local agent confines processes by. */
export async function checkConfinement({ agentConfine: mode }: Config): Promise<Finding> {
  const check = 'confinement';
  if (mode === 'off')
    return passed(check, 'Processes of runs have the rights of this user (CYBERUN_AGENT_CONFINE is off).');
  const problem = await Confinement.problemHere();
  if (problem === undefined) return passed(check, 'Processes of runs are confined by bubblewrap.');
  const remedy = 'Install bubblewrap and let this user make namespaces, or set CYBERUN_AGENT_CONFINE to off.';
  return (mode === 'auto' ? warned : broken)(check, `bubblewrap does not work here: ${problem}.`, remedy);
}

/** The folders of definitions. */
export async function checkDefinitions({ workflowsDir, servicesDir }: Config): Promise<Finding> {
  const check = 'definitions';
  const folders = [workflowsDir ?? packagePaths.workflows, servicesDir ?? packagePaths.services];
  const { definitions, refused } = await readDefinitionFiles(folders);
  const [first] = refused;
  if (!first) return passed(check, `${definitions.length} workflows and services are valid.`);
  return warned(
    check,
    `${refused.length} of ${refused.length + definitions.length} are refused; the first: ${first.message}`,
    `See all, and correct them: cyberun-mcp workflows check ${folders.join(' ')}`,
  );
}

/** The file of OAuth issuers, and the keys that it names. */
export async function checkOAuthFile(path: string): Promise<Finding> {
  const { issuers } = (await loadOAuthFileReader())(path);
  return passed('oauth', `${path} names ${issuers.length} issuers.`);
}

/** Where the audit goes. */
export async function checkAudit(audit: string): Promise<Finding> {
  const path = resolve(audit);
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  try {
    await access(isThere ? path : dirname(path), constants.W_OK);
    return passed('audit', `${path} can be written.`);
  } catch {
    return broken(
      'audit',
      `CYBERUN_AUDIT_LOG is "${path}", where this user cannot write.`,
      'Name a file in a folder of this user, or stdout.',
    );
  }
}
