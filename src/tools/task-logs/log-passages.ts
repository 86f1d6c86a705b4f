import type { TaskLogLine } from '../../contract/index.js';
import { continues } from '../task-log.js';
import type { LogPassage } from './task-logs.schemas.js';

/** Consecutive lines of one attempt, step and stream become one passage. */
export function passagesOf(lines: readonly TaskLogLine[]): LogPassage[] {
  const passages: (LogPassage & { readonly texts: string[] })[] = [];
  for (const line of lines) {
    const last = passages.at(-1);
    if (last && continues(line, last)) last.texts.push(line.text);
    else passages.push(passageFrom(line));
  }
  return passages.map(({ texts, ...passage }) => ({ ...passage, text: texts.join('\n') }));
}

const passageFrom = ({ attempt, step, stream, timestamp, text }: TaskLogLine) => ({
  attempt,
  step,
  stream,
  since: timestamp,
  text: '',
  texts: [text],
});
