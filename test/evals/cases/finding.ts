import { expect } from 'vitest';

import type { EvaluationCase } from '../evaluation.js';

const slugsOf = ({ workflow_list }: { workflow_list: { workflow_slug: string }[] }): string[] =>
  workflow_list.map(({ workflow_slug }) => workflow_slug);

export const finding: readonly EvaluationCase[] = [
  {
    request: 'What can I run here?',
    fulfil: async (model) => {
      const slugs = slugsOf(await model.call('list_workflows'));
      expect(slugs).toEqual(expect.arrayContaining(['mandelbrot', 'text-statistics', 'render-clip']));
    },
  },
  {
    request: 'Is there anything that counts the words of a text?',
    fulfil: async (model) => {
      expect(slugsOf(await model.call('list_workflows', { query: 'words text' }))).toEqual([
        'text-statistics',
      ]);
    },
  },
  {
    request: 'Which settings does the Mandelbrot workflow have, and what are their defaults?',
    fulfil: async (model) => {
      const { parameters } = await model.call('get_workflow_by_slug', { workflow_slug: 'mandelbrot' });
      expect(parameters).toContainEqual(
        expect.objectContaining({ key: 'palette', default: 'ocean', type: 'select' }),
      );
    },
  },
  {
    request: 'Tell me about the workflow with this id.',
    fulfil: async (model) => {
      const { workflow_list } = await model.call('list_workflows', { query: 'dice' });
      const { id: workflow_id } = workflow_list[0];
      expect(await model.call('get_workflow', { workflow_id })).toMatchObject({ workflow_slug: 'roll-dice' });
    },
  },
  {
    request: 'Show me the first version of the text statistics workflow.',
    fulfil: async (model) => {
      const workflow = await model.call('get_workflow_by_slug', { workflow_slug: 'text-statistics@1' });
      expect(workflow).toMatchObject({ workflow_slug: 'text-statistics' });
    },
  },
  {
    request: 'Which machines are online, and what can they do?',
    fulfil: async (model) => {
      const { agent_list } = await model.call('list_agents');
      expect(agent_list).toMatchObject([{ agent_labels: expect.arrayContaining(['local']) as unknown }]);
    },
  },
  {
    request: 'Which services can I call, and how does the one for stock work?',
    fulfil: async (model) => {
      const { service_list } = await model.call('list_container_services', { query: 'warehouse' });
      expect(service_list).toMatchObject([{ service_slug: 'stock' }]);
      const { usage_prompt } = await model.call('get_container_service', { service_slug: 'stock' });
      expect(usage_prompt).toContain('POST /orders');
    },
  },
];
