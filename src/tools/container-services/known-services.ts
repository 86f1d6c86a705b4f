import type { Caller } from '../../upstream/index.js';
import { namingNearest } from '../not-found.js';
import type { ContainerServicesService } from './container-services.service.js';

interface Asked {
  readonly caller: Caller;
  readonly slug: string;
}

/** The answer; when there is no such service, the refusal says which there are. */
export const withKnownServices = <Answer>(
  answer: Promise<Answer>,
  asked: Asked,
  services: ContainerServicesService,
): Promise<Answer> =>
  namingNearest(answer, {
    ...asked,
    page: async (who, query) => {
      const { service_list, page_meta } = await services.list(who, query);
      return {
        names: service_list.map(({ service_slug }) => service_slug),
        isLast: service_list.length < (query.per_page ?? 0) || page_meta === undefined,
      };
    },
  });
