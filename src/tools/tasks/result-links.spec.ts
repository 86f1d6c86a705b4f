import { expect, it } from 'vitest';

import { resultSample } from '../../../test/support/runtime-samples.js';
import { resultLinks } from './result-links.js';

it('resultLinks makes one link per output, with type and size if the runtime gives them', () => {
  expect(resultLinks(resultSample)).toEqual([
    {
      type: 'resource_link',
      name: 'chart.svg',
      uri: resultSample.download_urls['chart.svg'],
      mimeType: 'image/svg+xml',
      size: 812,
    },
    { type: 'resource_link', name: '9.images.0', uri: resultSample.download_urls['9.images.0'] },
  ]);
});

it('resultLinks lists an output once that is given twice, and names one after its URL', () => {
  const uri = 'https://s3.example.com/tasks/x/output_00001_.png?X-Amz-Expires=3600';
  const task = { id: 'x', task_output: { storage_key: 'k' } };
  expect(resultLinks({ ...task, download_url: uri })).toEqual([
    { type: 'resource_link', name: 'output_00001_.png', uri },
  ]);
  expect(resultLinks({ ...task, download_url: uri, download_urls: { main: uri } })).toEqual([
    { type: 'resource_link', name: 'main', uri },
  ]);
});

it.each([null, undefined, {}, { a: 'javascript:alert(1)' }, { a: 'https://' }])(
  'resultLinks makes no links for %j',
  (download_urls) => {
    expect(resultLinks({ id: 'x', task_output: null, download_urls })).toEqual([]);
  },
);
