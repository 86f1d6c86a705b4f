import { expect, it } from 'vitest';

import { UriTemplate } from './uri-template.js';

it.each<[string, string, object | undefined]>([
  ['task://{id}', 'task://7', { id: '7' }],
  ['task://{id}', 'other://7', undefined],
  ['task://{id}', 'task://', undefined],
  ['task://{id}', 'task://7/log', undefined],
  ['task://{id}', 'task://a%20b', { id: 'a b' }],
  ['task://{id}', 'task://%zz', undefined],
  ['workflow://{slug}@{version}', 'workflow://a.b@2', { slug: 'a.b', version: '2' }],
  ['test://template/{id}/data', 'test://template/7/data', { id: '7' }],
  ['file://{+path}', 'file://a/b.txt', { path: 'a/b.txt' }],
  ['file://{path*}', 'file://a/b.txt', { path: 'a/b.txt' }],
  ['find://all{?q,page}', 'find://all?page=2&q=a+b', { q: 'a b', page: '2' }],
  ['find://all{?q,page}', 'find://all', {}],
  ['task://{id}', `task://${'a'.repeat(3000)}`, undefined],
])('the template %s reads %s as expected', (template, uri, variables) => {
  expect(new UriTemplate(template).match(uri)).toEqual(variables);
});
