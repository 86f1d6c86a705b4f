import type { Caller } from '../../upstream/index.js';
import { withSuggestions } from '../suggestions.js';
import type { ContainerServicesService } from './container-services.service.js';

interface Lookup {
  readonly caller: Caller;
  readonly slug: string;
}

/** The answer; a 404 error names the services there are. */
export const suggestServices = <Answer>(
  answer: Promise<Answer>,
  lookup: Lookup,
  services: ContainerServicesService,
): Promise<Answer> =>
  withSuggestions(answer, {
    ...lookup,
    page: async (caller, query) => {
      const { service_list, page_meta } = await services.list(caller, query);
      return {
        names: service_list.map(({ service_slug }) => service_slug),
        isLast: service_list.length < (query.per_page ?? 0) || page_meta === undefined,
      };
    },
  });
