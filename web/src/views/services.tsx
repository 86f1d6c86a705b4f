import type { JSX } from 'preact';

import { get } from '../api/client.js';
import type { ContainerService } from '../api/types.js';
import { href } from '../lib/route.js';
import { useLoaded } from '../lib/use-loaded.js';
import { Empty, Loading, Problem, Title } from '../parts/basics.jsx';
import { Status } from '../parts/status.jsx';

const REFRESH_MS = 3000;

export function ServicesView(): JSX.Element {
  const { data, error } = useLoaded(
    (signal) => get<{ service_list: ContainerService[] }>('r/containers', { per_page: 100 }, signal),
    REFRESH_MS,
    [],
  );
  return (
    <>
      <Title text="Services" />
      <Problem text={error} />
      {!data && error === undefined && <Loading />}
      {data?.service_list.length === 0 && (
        <Empty title="There are no services.">
          Definitions come from the folder of CYBERUN_SERVICES_DIR, or from <code>cyberun-mcp apply</code>.
        </Empty>
      )}
      <ul class="grid gap-4 sm:grid-cols-2 2xl:grid-cols-3">
        {data?.service_list.map((service) => (
          <ServiceCard key={service.id} service={service} />
        ))}
      </ul>
    </>
  );
}

function ServiceCard({ service }: { readonly service: ContainerService }): JSX.Element {
  const {
    service_slug,
    display_name,
    service_status = '',
    service_desc,
    status_reason,
    last_failure,
  } = service;
  return (
    <li class="min-w-0">
      <a
        href={href(['services', service_slug])}
        class="panel hover:border-primary flex h-full flex-col gap-2 p-4"
      >
        <span class="flex items-start justify-between gap-3">
          <span class="min-w-0 font-semibold break-words">{display_name ?? service_slug}</span>
          <Status state={service_status} isSteady />
        </span>
        <span class="muted line-clamp-3 text-sm">{service_desc}</span>
        {status_reason && <span class="text-warning line-clamp-2 text-sm">{status_reason}</span>}
        {last_failure && (
          <span class="text-error line-clamp-2 text-sm">Last failure: {last_failure.reason}</span>
        )}
        <span class="muted mt-auto flex flex-wrap justify-between gap-2 pt-1 text-xs">
          <span class="font-mono">{service_slug}</span>
          <span>
            {service.running_replicas ?? 0} of {service.replica_count ?? 1} replicas
          </span>
        </span>
      </a>
    </li>
  );
}
