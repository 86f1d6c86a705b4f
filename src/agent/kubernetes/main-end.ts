import type { V1ContainerStatus, V1Pod } from '@kubernetes/client-node';

import type { MainReport } from './main-execution.js';
import { MAIN_CONTAINER } from './main-job.js';

export const mainStatusOf = ({ status }: V1Pod): V1ContainerStatus | undefined =>
  status?.containerStatuses?.find(({ name }) => name === MAIN_CONTAINER);

/**
 * How the program of a step has ended, from the status of its pod; `undefined` while it has not. The agent in the pod reports
 * it, since the two containers do not see each other's processes.
 */
export function mainEndOf(pod: V1Pod): MainReport | undefined {
  const ended = mainStatusOf(pod)?.state?.terminated;
  // Nothing is known of a container whose node was lost.
  if (!ended || ended.reason === 'ContainerStatusUnknown') return undefined;
  const { exitCode: exit_code, reason, message } = ended;
  if (reason === 'OOMKilled') return { type: 'ended', exit_code, reason: memoryReason(pod, MAIN_CONTAINER) };
  // The container never ran: no program, or one that is not executable.
  if (reason === 'StartError' || reason === 'ContainerCannotRun')
    return { type: 'unstartable', reason: oneLine(message) ?? 'its container could not start' };
  return { type: 'ended', exit_code };
}

/** Why a container was ended that is OOMKilled. */
export function memoryReason({ spec }: V1Pod, container: string): string {
  const ended = spec?.containers.find(({ name }) => name === container);
  const limit = ended?.resources?.limits?.['memory'];
  return `it needed more memory than ${limit === undefined ? 'its node had' : `its limit of ${sizeText(limit)}`}`;
}

/** A number of bytes is written as people read it. */
function sizeText(limit: string): string {
  const bytes = /^\d+$/.test(limit) ? Number(limit) : undefined;
  return bytes !== undefined && bytes % 2 ** 20 === 0 ? `${bytes / 2 ** 20}Mi` : limit;
}

const LENGTH = 600;

function oneLine(text: string | undefined): string | undefined {
  const line = text?.trim().replaceAll(/\s+/g, ' ').replace(/\.$/, '') ?? '';
  return line === '' ? undefined : line.slice(0, LENGTH);
}
