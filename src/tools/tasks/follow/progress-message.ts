import type { TaskEvent } from '../../../contract/index.js';

const LONGEST_NOTE = 200;

/** What a person reads beside a progress bar: "task running on agent gpu-01, step 7/20: sampling". */
export function progressMessage(
  status: string,
  agentId: string | undefined,
  { step_current, step_total, stage, message }: TaskEvent = {},
  percent?: number,
): string {
  const parts = [
    `task ${status}${agentId === undefined ? '' : ` on agent ${oneLine(agentId)}`}`,
    percent === undefined ? undefined : `${Math.round(percent * 100)}%`,
    stepOf(step_current, step_total),
    stage ? oneLine(stage) : undefined,
  ];
  const text = parts.filter((part) => part !== undefined).join(', ');
  return message ? `${text}: ${oneLine(message)}` : text;
}

function stepOf(current?: number | null, total?: number | null): string | undefined {
  if (current === undefined || current === null) return undefined;
  return total === undefined || total === null ? `step ${current}` : `step ${current}/${total}`;
}

const oneLine = (text: string): string => text.replaceAll(/[\p{Cc}\s]+/gu, ' ').slice(0, LONGEST_NOTE);
