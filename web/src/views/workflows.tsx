import type { JSX } from 'preact';

import { get } from '../api/client.js';
import type { Workflow } from '../api/types.js';
import { changeQuery, href, type Route } from '../lib/route.js';
import { useLoaded } from '../lib/use-loaded.js';
import { Empty, Labels, Loading, Problem, Title } from '../parts/basics.jsx';
import { Status } from '../parts/status.jsx';

const REFRESH_MS = 10_000;

export function WorkflowsView({ route }: { readonly route: Route }): JSX.Element {
  const query = route.query.get('query') ?? '';
  const { data, error } = useLoaded(
    (signal) => get<{ workflow_list: Workflow[] }>('r/workflows', { query, per_page: 100 }, signal),
    REFRESH_MS,
    [query],
  );
  return (
    <>
      <Title text="Workflows">
        <input
          type="search"
          aria-label="Search workflows"
          placeholder="Search"
          class="input input-sm w-52"
          value={query}
          onInput={({ currentTarget: { value } }) => changeQuery(route, value === '' ? {} : { query: value })}
        />
      </Title>
      <Problem text={error} />
      {!data && error === undefined && <Loading />}
      {data?.workflow_list.length === 0 && (
        <Empty title={query === '' ? 'There are no workflows.' : 'No workflow has these words.'}>
          Definitions come from the folder of CYBERUN_WORKFLOWS_DIR, or from <code>cyberun-mcp apply</code>.
        </Empty>
      )}
      <ul class="grid gap-4 sm:grid-cols-2 2xl:grid-cols-3">
        {data?.workflow_list.map((workflow) => (
          <WorkflowCard key={workflow.id} workflow={workflow} />
        ))}
      </ul>
    </>
  );
}

function WorkflowCard({ workflow }: { readonly workflow: Workflow }): JSX.Element {
  const {
    workflow_slug = '',
    display_name,
    description,
    version,
    workflow_status,
    required_labels,
  } = workflow;
  return (
    <li class="min-w-0">
      <a
        href={href(['workflows', workflow_slug])}
        class="panel hover:border-primary flex h-full flex-col gap-2 p-4"
      >
        <span class="flex items-start justify-between gap-3">
          <span class="min-w-0 font-semibold break-words">{display_name ?? workflow_slug}</span>
          {workflow_status !== 'active' && workflow_status && <Status state={workflow_status} />}
        </span>
        <span class="muted line-clamp-3 text-sm">{description}</span>
        <span class="mt-auto flex flex-wrap items-center justify-between gap-2 pt-1 text-xs">
          <span class="muted font-mono">
            {workflow_slug}@{version}
          </span>
          <Labels of={required_labels ?? []} />
        </span>
      </a>
    </li>
  );
}
