import { type ContainerServiceList, PER_PAGE_LIMIT, type PageQuery } from '../../contract/index.js';

/** As many pages as a model can use; `total_count` shows whether there are more. */
const PAGE_CAP = 10;

/** All pages of a list as one, up to a cap. A deployment that does not page gives one. */
export async function allPages(
  page: (query: PageQuery) => Promise<ContainerServiceList>,
): Promise<ContainerServiceList> {
  const first = await page({ current_page: 1, per_page: PER_PAGE_LIMIT });
  const services = [...first.service_list];
  const total = first.page_meta?.total_count ?? services.length;
  for (let current_page = 2; current_page <= PAGE_CAP && services.length < total; current_page++) {
    const { service_list } = await page({ current_page, per_page: PER_PAGE_LIMIT });
    // An empty page, or a repeated one: the deployment counts differently, or does not page.
    const fresh = service_list.filter(
      (one) => !services.some((had) => had.service_slug === one.service_slug),
    );
    if (fresh.length === 0) break;
    services.push(...fresh);
  }
  if (!first.page_meta) return first;
  const page_meta = { ...first.page_meta, current_page: 1, per_page: services.length };
  return { ...first, service_list: services, page_meta };
}
