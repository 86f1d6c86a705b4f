import { expect } from 'vitest';

import type { Conversation } from '../conversation.js';
import type { EvaluationCase } from '../evaluation.js';

const failedImport = async (model: Conversation): Promise<string> => {
  const { task_id, task_status } = await model.ended('nightly-import');
  expect(task_status).toBe('failed');
  return task_id as string;
};

export const results: readonly EvaluationCase[] = [
  {
    request: 'What failed today, and why?',
    fulfil: async (model) => {
      await failedImport(model);
      const created_after = `${new Date().toISOString().slice(0, 10)}T00:00:00Z`;
      const { task_list } = await model.call('list_tasks', { statuses: ['failed'], created_after });
      expect(task_list[0]).toMatchObject({
        workflow_slug: 'nightly-import',
        task_error: expect.stringContaining('ShareUnreachable') as unknown,
      });
    },
  },
  {
    request: 'The import failed. Show me the end of its log.',
    fulfil: async (model) => {
      const task_id = await failedImport(model);
      const result = await model.call('get_task_result', { task_id, log_tail: 20 });
      expect(JSON.stringify(result)).toContain('row 300: WARN no postcode');
    },
  },
  {
    request: 'Which warnings did the import write?',
    fulfil: async (model) => {
      const task_id = await failedImport(model);
      const log = await model.call('get_task_log', { task_id, contains: 'WARN' });
      expect(JSON.stringify(log).match(/no postcode/g)).toHaveLength(3);
    },
  },
  {
    request: 'How many parts are in stock, and what is part 15,000?',
    fulfil: async (model) => {
      const { task_id, task_output } = await model.ended('inventory');
      expect(task_output.total).toBe(20_000);
      const part = { task_id, output_path: '/items/15000' };
      expect(await model.call('get_task_result', part)).toMatchObject({
        task_output: { name: 'part 15000' },
      });
    },
  },
  {
    request: 'List the first thousand parts.',
    fulfil: async (model) => {
      const { task_id, task_output, note } = await model.ended('inventory');
      const shown = task_output.items.length as number;
      expect(note).toContain('output_offset');
      const next = { task_id, output_path: '/items', output_offset: shown };
      expect((await model.call('get_task_result', next)).task_output[0]).toMatchObject({ item: shown });
    },
  },
  {
    request: 'Split the book into pages and give me the links of the last ones.',
    fulfil: async (model) => {
      const { task_id } = await model.ended('split-pages');
      const { download_urls } = await model.call('get_task_result', { task_id, files_offset: 100 });
      expect(Object.keys(download_urls)).toHaveLength(20);
      const page = await fetch(download_urls['page-120.txt']);
      expect(await page.text()).toBe('page 120');
    },
  },
  {
    request: 'Is my clip ready?',
    fulfil: async (model, server) => {
      const body = { seconds: 600 };
      const { task_id } = await model.call('run_workflow_by_slug', { workflow_slug: 'render-clip', body });
      await server.running(task_id as string);
      const { note } = await model.call('get_task_result', { task_id });
      expect(note).toMatch(/not (finished|ended|completed|done)/i);
      await model.call('cancel_task', { task_id });
    },
  },
  {
    request: 'Which dice did I roll last, and with which seed?',
    fulfil: async (model) => {
      const { task_id } = await model.ended('roll-dice', { seed: 21 });
      const { task_list } = await model.call('list_tasks', {
        workflow_slug: 'roll-dice',
        statuses: ['completed'],
      });
      expect(task_list[0]).toMatchObject({ id: task_id, parameters: { seed: 21 } });
    },
  },
  {
    request: 'Give me everything that is known of the last five dice.',
    fulfil: async (model) => {
      const { task_list } = await model.call('list_tasks', {
        workflow_slug: 'roll-dice',
        per_page: 5,
        response_format: 'detailed',
      });
      expect(task_list).toHaveLength(5);
      expect(task_list[0]).toHaveProperty('retry_count');
    },
  },
  {
    request: 'Show me the Mandelbrot picture.',
    fulfil: async (model) => {
      const { task_id } = await model.ended('mandelbrot', { size: 64, iterations: 50 });
      const { content } = await model.callWhole('read_output', { task_id, name: 'mandelbrot.png' });
      expect(content).toContainEqual(expect.objectContaining({ type: 'image', mimeType: 'image/png' }));
    },
  },
];
