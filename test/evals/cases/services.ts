import { expect } from 'vitest';

import type { EvaluationCase } from '../evaluation.js';

const stock = { service_slug: 'stock', method: 'GET' };

export const services: readonly EvaluationCase[] = [
  {
    request: 'What does part 2 cost?',
    fulfil: async (model) => {
      const { body_json } = await model.call('call_container_service', { ...stock, path: '/prices.json' });
      expect(body_json).toContainEqual({ item: 2, name: 'part 2', price: 20 });
    },
  },
  {
    request: 'Give me the prices as CSV.',
    fulfil: async (model) => {
      const call = { ...stock, path: '/prices.csv', prefer: 'text' };
      expect(await model.call('call_container_service', call)).toMatchObject({
        body_text: expect.stringContaining('2,part 2,20') as unknown,
      });
    },
  },
  {
    request: 'Order two of part 1.',
    fulfil: async (model) => {
      const call = {
        service_slug: 'stock',
        method: 'POST',
        path: '/orders',
        body_json: { item: 1, count: 2 },
      };
      expect(await model.call('call_container_service', call)).toMatchObject({
        status_code: 201,
        body_json: { order: 1, item: 1, count: 2 },
      });
    },
  },
  {
    request: 'Show me the chart of the prices.',
    fulfil: async (model) => {
      const { content } = await model.callWhole('call_container_service', { ...stock, path: '/chart.png' });
      expect(content).toContainEqual(expect.objectContaining({ type: 'image', mimeType: 'image/png' }));
    },
  },
  {
    request: 'Download the whole journal of the stock for me.',
    fulfil: async (model) => {
      const { content } = await model.callWhole('call_container_service', { ...stock, path: '/journal' });
      const link = content.find(({ type }) => type === 'resource_link');
      // The person opens it, without the key.
      const journal = await (await fetch(String(link?.['uri']))).text();
      expect(journal.split('\n')).toHaveLength(40_000);
    },
  },
  {
    request: 'Look up the price of part 99 under /prices/99.',
    fulfil: async (model) => {
      const call = { ...stock, path: '/prices/99' };
      expect(await model.call('call_container_service', call)).toMatchObject({ status_code: 404 });
    },
  },
  {
    request: 'Why does the broken stock service not answer?',
    fulfil: async (model) => {
      const call = { ...stock, service_slug: 'broken-stock', path: '/' };
      expect(await model.failure('call_container_service', call)).toMatchObject({
        error_message: expect.stringContaining('exit code 3') as unknown,
        last_failure: {
          log_lines: expect.arrayContaining(['cannot open the database: no such table: prices']) as unknown,
        },
      });
    },
  },
  {
    request: 'Add a note that the stock was counted, and find it again.',
    fulfil: async (model) => {
      const notes = { service_slug: 'notes', path: '/notes' };
      await model.call('get_container_service', { service_slug: 'notes' });
      const body_json = { title: 'Stock counted', tags: ['stock'] };
      await model.call('call_container_service', { ...notes, method: 'POST', body_json });
      const found = { ...notes, method: 'GET', path: '/notes?q=counted' };
      expect(await model.call('call_container_service', found)).toMatchObject({ body_json: { total: 1 } });
    },
  },
];
