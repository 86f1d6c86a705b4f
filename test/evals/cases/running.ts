import { randomUUID } from 'node:crypto';

import { expect } from 'vitest';

import type { EvaluationCase } from '../evaluation.js';

const rolled = { task_status: 'completed', task_output: { rolled: [2, 1] } };

export const running: readonly EvaluationCase[] = [
  {
    request: 'Roll two dice with seed 7, now.',
    fulfil: async (model) => {
      expect(await model.ended('roll-dice', { seed: 7 })).toMatchObject(rolled);
    },
  },
  {
    request: 'Run the workflow with this id, with seed 7.',
    fulfil: async (model) => {
      const { workflow_list } = await model.call('list_workflows', { query: 'dice' });
      const { id: workflow_id } = workflow_list[0];
      const ended = await model.call('run_workflow', { workflow_id, body: { seed: 7 }, wait_seconds: 45 });
      expect(ended).toMatchObject(rolled);
    },
  },
  {
    request: 'Render a clip and tell me how far it is while it runs.',
    fulfil: async (model) => {
      const { task_id } = await model.call('run_workflow_by_slug', { workflow_slug: 'render-clip' });
      expect(await model.call('stream_task_events', { task_id })).toMatchObject({ task_status: 'completed' });
      expect(model.progress.some(({ message }) => message?.includes('frame 10'))).toBe(true);
    },
  },
  {
    request: 'Render a long clip. I ask again in a moment how far it is.',
    fulfil: async (model, server) => {
      const body = { seconds: 600 };
      const { task_id } = await model.call('run_workflow_by_slug', { workflow_slug: 'render-clip', body });
      await server.running(task_id as string);
      const late = await model.call('stream_task_events', { task_id, timeout_seconds: 2 });
      expect(late.note).toContain('stream_task_events');
      expect(late.task_status).toBe('running');
      await model.call('cancel_task', { task_id });
    },
  },
  {
    request: 'Run the dice of before once more, with seed 8.',
    fulfil: async (model) => {
      const first = await model.ended('roll-dice', { seed: 7, dice: 5 });
      const again = await model.call('run_workflow_by_slug', {
        workflow_slug: 'roll-dice',
        like_task_id: first.task_id,
        body: { seed: 8 },
        wait_seconds: 45,
      });
      expect(again.task_output.rolled).toHaveLength(5);
      expect(again.task_output).not.toEqual(first.task_output);
    },
  },
  {
    request: 'The connection broke: make sure that the run was started, but only once.',
    fulfil: async (model) => {
      const run = { workflow_slug: 'roll-dice', body: { seed: 9 }, idempotency_key: randomUUID() };
      const first = await model.call('run_workflow_by_slug', run);
      const second = await model.call('run_workflow_by_slug', run);
      expect(second.task_id).toBe(first.task_id);
      const other = await model.refusal('run_workflow_by_slug', { ...run, body: { seed: 10 } });
      expect(other).toContain('used for a run of another workflow or with other parameters');
    },
  },
  {
    request: 'Count the words of this file.',
    fulfil: async (model) => {
      const file = { file_name: 'fox.txt', file_size: 43, content_type: 'text/plain' };
      const { file_key, upload_url, upload_headers } = await model.call('presign_file_upload', {
        body: file,
      });
      const body = 'The quick brown fox jumps over a lazy dog.\n';
      const { ok } = await fetch(upload_url, { method: 'PUT', headers: upload_headers, body });
      expect(ok).toBe(true);
      const { task_output } = await model.ended('text-statistics', { text: file_key });
      expect(task_output).toMatchObject({ words: 9, sentences: 1 });
    },
  },
  {
    request: 'Count the words of the poem that you have just written. (The client has no shell.)',
    fulfil: async (model) => {
      const body = { file_name: 'poem.txt', content_type: 'text/plain', content_text: 'Roses are red.\n' };
      const { file_key } = await model.call('presign_file_upload', { body });
      const { task_output } = await model.ended('text-statistics', { text: file_key });
      expect(task_output).toMatchObject({ words: 3 });
    },
  },
  {
    request: 'Keep this poem as a file and count its words. (The connection has the toolset files.)',
    fulfil: async (model) => {
      const poem = { file_name: 'poem.txt', text: 'Violets are blue.\n' };
      const { file_key } = await model.call('upload_file', poem);
      const { task_output } = await model.ended('text-statistics', { text: file_key });
      expect(task_output).toMatchObject({ words: 3 });
    },
  },
  {
    request: 'Draw a small Mandelbrot picture, and then tell me how large the file says it is.',
    fulfil: async (model) => {
      const drawn = await model.ended('mandelbrot', { size: 16, iterations: 10 });
      const { file_keys } = await model.call('get_task_result', { task_id: drawn.task_id });
      const measured = await model.ended('picture-size', { picture: file_keys['mandelbrot.png'] });
      expect(measured.task_output).toEqual({ width: 16, height: 16 });
    },
  },
  {
    request: 'Render the film. (Its workflow asks for a confirmation, and the client cannot ask the person.)',
    fulfil: async (model) => {
      const run = { workflow_slug: 'render-film', wait_seconds: 45 };
      const sentence = await model.refusal('run_workflow_by_slug', run);
      expect(sentence).toContain('It takes a machine for a day.');
      // The model has asked the person.
      const [, confirm] = /confirm: "([\w-]+)"/.exec(sentence) ?? [];
      const film = await model.call('run_workflow_by_slug', { ...run, confirm });
      expect(film).toMatchObject({ task_status: 'completed' });
    },
  },
  {
    request: 'Train the model.',
    fulfil: async (model) => {
      const { task_id, note } = await model.call('run_workflow_by_slug', {
        workflow_slug: 'train-model',
        wait_seconds: 1,
      });
      expect(note).toContain('stream_task_events');
      const { status_reason } = await model.call('get_task', { task_id });
      expect(status_reason).toMatch(/cuda12.*gpu|gpu.*cuda12/);
      expect(await model.call('cancel_task', { task_id })).toMatchObject({ is_success: true });
    },
  },
  {
    request: 'Roll dice with seeds 1, 2 and 3 at the same time and give me all numbers.',
    fulfil: async (model) => {
      const started = await Promise.all(
        [1, 2, 3].map((seed) =>
          model.call('run_workflow_by_slug', { workflow_slug: 'roll-dice', body: { seed } }),
        ),
      );
      const task_ids = started.map(({ task_id }) => task_id as string);
      await model.call('stream_task_events', { task_ids });
      for (const task_id of task_ids) {
        expect(await model.call('get_task_result', { task_id })).toMatchObject({ task_status: 'completed' });
      }
    },
  },
  {
    request: 'Stop the clip that is being rendered.',
    fulfil: async (model, server) => {
      const body = { seconds: 600 };
      const { task_id } = await model.call('run_workflow_by_slug', { workflow_slug: 'render-clip', body });
      await server.running(task_id as string);
      const statuses = ['pending', 'waiting', 'queued', 'running'];
      const { task_list } = await model.call('list_tasks', { statuses, workflow_slug: 'render-clip' });
      expect(task_list.map(({ id }: { id: string }) => id)).toContain(task_id);
      await model.call('cancel_task', { task_id });
      expect(await model.call('stream_task_events', { task_id })).toMatchObject({ task_status: 'cancelled' });
    },
  },
  {
    request: 'Stop the run that I started first.',
    fulfil: async (model) => {
      const { task_id } = await model.ended('roll-dice', { seed: 3 });
      await model.call('cancel_task', { task_id });
      expect(await model.call('get_task', { task_id })).toMatchObject({ task_status: 'completed' });
    },
  },
];
