import { describe, expect, it } from 'vitest';

import { pageMeta } from '../../../test/support/runtime-samples.js';
import type { ContainerServiceList, PageQuery } from '../../contract/index.js';
import { everyPage } from './every-page.js';

/** A runtime with so many services; remembers which pages it was asked for. */
function runtimeWith(total: number, { told = total } = {}) {
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
      page_meta: pageMeta(told, current_page, per_page),
      of_tomorrow: 1,
    });
  };
  return { page, asked };
}

describe('all pages of the services', () => {
  it.each([
    [0, 1],
    [100, 1],
    [101, 2],
    [250, 3],
  ])('%i of them are read with %i calls', async (total, calls) => {
    const { page, asked } = runtimeWith(total);
    const list = await everyPage(page);
    expect(asked.map(({ current_page }) => current_page)).toEqual(
      Array.from({ length: calls }, (_n, i) => i + 1),
    );
    expect(list.service_list.map(({ id }) => Number(id))).toEqual(
      Array.from({ length: total }, (_n, i) => i),
    );
    expect(list).toMatchObject({ page_meta: pageMeta(total, 1, total), of_tomorrow: 1 });
  });

  it('end at a cap, and the total tells that there are more', async () => {
    const { page, asked } = runtimeWith(5000);
    const { service_list, page_meta } = await everyPage(page);
    expect(asked).toHaveLength(10);
    expect([service_list.length, page_meta?.total_count]).toEqual([1000, 5000]);
  });

  it('end at an empty page, whatever the total says', async () => {
    const { page, asked } = runtimeWith(3, { told: 900 });
    expect((await everyPage(page)).service_list).toHaveLength(3);
    expect(asked).toHaveLength(2);
  });

  it('hold each service once where a deployment gives the same page again and again', async () => {
    const answer = { service_list: [{ id: '1', service_slug: 'a' }], page_meta: pageMeta(9, 1, 100) };
    expect((await everyPage(() => Promise.resolve(answer))).service_list).toEqual(answer.service_list);
  });

  it('are one page where a deployment does not page', async () => {
    const answer = { service_list: [{ id: '1', service_slug: 'a' }] };
    expect(await everyPage(() => Promise.resolve(answer))).toEqual(answer);
  });
});
