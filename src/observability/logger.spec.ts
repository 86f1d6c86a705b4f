import { afterEach, expect, it, vi } from 'vitest';

import { noteInScope, outsideScope, withinCopy, withinScope } from '../telemetry/index.js';
import { Logger } from './logger.js';

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const IDS = { request_id: 'r1', trace_id: TRACE.slice(3, 35), span_id: TRACE.slice(36, 52), task_id: 't1' };

afterEach(() => void vi.restoreAllMocks());

/** What a logger writes, as one text. */
function written(format: 'json' | 'text', log: (logger: Logger) => void): string {
  const chunks: string[] = [];
  for (const stream of [process.stdout, process.stderr])
    vi.spyOn(stream, 'write').mockImplementation((chunk) => chunks.push(String(chunk)) > 0);
  log(new Logger({ loggerLevel: 'info', loggerFormat: format }));
  vi.restoreAllMocks();
  return chunks.join('');
}

const scope = () => ({ requestId: 'r1', trace: { traceparent: TRACE } });

it('Logger gives each line of JSON the ids of its request, also those that came to be known later', () => {
  const line = written('json', (logger) =>
    withinScope(scope(), () => {
      noteInScope({ taskId: 't1' });
      logger.log('done', 'Tasks');
    }),
  );
  expect(JSON.parse(line)).toMatchObject({ message: 'done', context: 'Tasks', ...IDS });
});

it('Logger gives warnings for people the ids of their request, and other lines none', () => {
  const lines = written('text', (logger) =>
    withinScope(scope(), () => {
      logger.log('usual', 'Tasks');
      logger.warn({ message: 'strange', tool: 'get_task' }, 'Tools');
    }),
  ).split('\n');
  expect(lines.find((line) => line.includes('usual'))).not.toContain('request_id');
  expect(lines.find((line) => line.includes('strange'))).toMatch(/strange tool=get_task .*request_id=r1/);
});

it('Logger gives lines outside of a request no ids, and those of one message not those of another', () => {
  const lines = written('json', (logger) => {
    withinScope(scope(), () => {
      withinCopy(() => noteInScope({ taskId: 'of another message' }));
      logger.log('own', 'Tasks');
      outsideScope(() => logger.log('of many', 'Tasks'));
    });
  })
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines[0]).toMatchObject({ message: 'own', request_id: 'r1' });
  for (const line of lines) expect(line).not.toHaveProperty('task_id');
  expect(lines[1]).not.toHaveProperty('request_id');
});
