import { expect, it } from 'vitest';

import { pageMeta } from '../../../test/support/runtime-samples.js';
import type { ContainerServiceList, PageQuery } from '../../contract/index.js';
import { allPages } from './all-pages.js';

/** A runtime with so many services; remembers which pages it was asked for. */
function runtimeWith(total: number, { stated = total } = {}) {
  const asked: PageQuery[] = [];
  const page = (query: PageQuery): Promise<ContainerServiceList> => {
    asked.push(query);
    const { current_page = 1, per_page = 20 } = query;
    const ids = Array.from({ length: total }, (_none, index) => String(index));
    const service_list = ids
      .slice((current_page - 1) * per_page, current_page * per_page)
      .map((id) => ({ id, service_slug: `s-${id}` }));
    return Promise.resolve({
      service_list,
      page_meta: pageMeta(stated, current_page, per_page),
      of_tomorrow: 1,
    });
  };
  return { page, asked };
}

it.each([
  [0, 1],
  [100, 1],
  [101, 2],
  [250, 3],
])('allPages reads %i services with %i requests', async (total, calls) => {
  const { page, asked } = runtimeWith(total);
  const list = await allPages(page);
  expect(asked.map(({ current_page }) => current_page)).toEqual(
    Array.from({ length: calls }, (_n, i) => i + 1),
  );
  expect(list.service_list.map(({ id }) => Number(id))).toEqual(Array.from({ length: total }, (_n, i) => i));
  expect(list).toMatchObject({ page_meta: pageMeta(total, 1, total), of_tomorrow: 1 });
});

it('allPages stops at a cap, with the total showing that there are more', async () => {
  const { page, asked } = runtimeWith(5000);
  const { service_list, page_meta } = await allPages(page);
  expect(asked).toHaveLength(10);
  expect([service_list.length, page_meta?.total_count]).toEqual([1000, 5000]);
});

it('allPages stops at an empty page, even below the total', async () => {
  const { page, asked } = runtimeWith(3, { stated: 900 });
  expect((await allPages(page)).service_list).toHaveLength(3);
  expect(asked).toHaveLength(2);
});

it('allPages returns each service once when the deployment repeats the same page', async () => {
  const answer = { service_list: [{ id: '1', service_slug: 'a' }], page_meta: pageMeta(9, 1, 100) };
  expect((await allPages(() => Promise.resolve(answer))).service_list).toEqual(answer.service_list);
});

it('allPages returns the one page of a deployment without paging', async () => {
  const answer = { service_list: [{ id: '1', service_slug: 'a' }] };
  expect(await allPages(() => Promise.resolve(answer))).toEqual(answer);
});
