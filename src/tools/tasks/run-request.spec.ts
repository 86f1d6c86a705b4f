import { expect, it, vi } from 'vitest';

import type { Workflow } from '../../contract/index.js';
import { runRequestFor } from './run-request.js';

const withParameters = (...keys: string[]) =>
  vi.fn(() => Promise.resolve<Workflow>({ id: 'w', parameters: keys.map((key) => ({ key })) }));

it.each([[{}], [{ prompt: 'x', steps: 3 }]])(
  'runRequestFor takes %j as the parameters, without getting the workflow',
  async (body) => {
    const workflow = withParameters();
    expect(await runRequestFor(body, workflow)).toEqual({ parameters: body });
    expect(workflow).not.toHaveBeenCalled();
  },
);

const rest = { parameters: { prompt: 'x' }, target_pool: 'team' };

it.each<[string, object, string[], object]>([
  ['the REST body', rest, ['prompt'], rest],
  ['the REST body, of a workflow without parameters', { parameters: {} }, [], { parameters: {} }],
  ['the REST body, though a parameter is called parameters', rest, ['prompt', 'parameters'], rest],
  [
    'the parameters, one of which is called parameters',
    { parameters: { lr: 1 } },
    ['parameters'],
    { parameters: { parameters: { lr: 1 } } },
  ],
  [
    'the parameters, one of which is called parameters, beside another',
    { parameters: { prompt: 'x' }, prompt: 'y' },
    ['parameters', 'prompt'],
    { parameters: { parameters: { prompt: 'x' }, prompt: 'y' } },
  ],
  [
    'the parameters, one of which is text called parameters',
    { parameters: 'a=1' },
    ['parameters'],
    { parameters: { parameters: 'a=1' } },
  ],
  [
    'the parameters, one of which is called tool_type',
    { tool_type: 'saw' },
    ['tool_type'],
    { parameters: { tool_type: 'saw' } },
  ],
  [
    'parameters with an option of the API between them',
    { prompt: 'x', target_pool: 'team' },
    ['prompt'],
    { target_pool: 'team', parameters: { prompt: 'x' } },
  ],
  [
    'the REST body with its parameters as JSON text',
    { parameters: '{"prompt":"x"}', target_pool: 'team' },
    ['prompt'],
    rest,
  ],
  ['the REST body with no parameters at all', { parameters: null }, ['prompt'], { parameters: {} }],
])('runRequestFor accepts %s', async (_name, body, parameters, request) => {
  expect(await runRequestFor(body as Record<string, unknown>, withParameters(...parameters))).toEqual(
    request,
  );
});

it.each<[string, object, string[], RegExp]>([
  [
    'a value beside parameters',
    { parameters: { prompt: 'x' }, promt: 'y', seed: 1 },
    ['prompt'],
    /body\.promt: .*body\.parameters; body\.seed: .*takes parameters, dispatch_target/,
  ],
  ['parameters that are a list', { parameters: [1] }, [], /body\.parameters: must be an object/],
  ['parameters that are other text', { parameters: 'a=1' }, [], /body\.parameters: must be an object/],
  ['parameters in JSON text of a list', { parameters: '[1]' }, [], /body\.parameters: must be an object/],
])('runRequestFor rejects %s', async (_name, body, parameters, message) => {
  await expect(runRequestFor(body as Record<string, unknown>, withParameters(...parameters))).rejects.toThrow(
    message,
  );
});
