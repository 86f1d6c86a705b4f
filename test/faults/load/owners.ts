import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

import { MockRuntime, type SeenRequest } from '../../support/mock-runtime.js';
import { taskSample, workflowSample } from '../../support/runtime-samples.js';

/** Longest time an answer takes, so that answers overtake one another. */
const SLOWEST_MS = 30;
/** The id of a task without end ends with this. */
const ENDLESS = 'ffffffffffff';

export const keyOf = (owner: string): string => `sk-isolation-${owner}`;
export const ownersIn = (text: string): string[] => [...new Set(text.match(/owner-\d\d/g))];

/** An id of a task that names its owner. */
export const taskOf = (session: number): string =>
  `019abc12-0000-7000-8000-${String(session).padStart(12, '0')}`;
export const endlessTask = `019abc12-0000-7000-8000-${ENDLESS}`;

/** A runtime in which every owner sees only data with their own name, in every answer and event. */
export async function runtimeOfOwners(): Promise<MockRuntime> {
  const runtime = await MockRuntime.start();
  const ownerIn = ({ headers }: SeenRequest): string => ownersIn(headers.authorization ?? '')[0] ?? 'unknown';
  const slowly =
    (answer: (owner: string, request: SeenRequest) => object) =>
    async (request: SeenRequest, response: ServerResponse): Promise<void> => {
      await delay(Math.random() * SLOWEST_MS);
      response.writeHead(200, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(answer(ownerIn(request), request)));
    };
  return runtime
    .on(
      'GET /r/workflows',
      slowly((owner) => ({ workflow_list: [{ ...workflowSample, display_name: `of ${owner}` }] })),
    )
    .on(
      'GET /r/tasks/:id',
      slowly((owner, { path }) =>
        taskSample(path.includes(ENDLESS) ? 'running' : 'completed', {
          id: path.split('/').at(-1),
          of: owner,
        }),
      ),
    )
    .on('GET /r/tasks/:id/events', async (request, response) => {
      const owner = ownerIn(request);
      const say = (event: string, data: object): boolean =>
        response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      say('status', { status: 'running', agent_id: owner });
      if (request.path.includes(ENDLESS)) return;
      await delay(Math.random() * SLOWEST_MS);
      say('progress', { progress: 0.5, step_current: 1, step_total: 2, message: owner });
      say('completed', { status: 'completed' });
      response.end();
    });
}
