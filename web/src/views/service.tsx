import type { JSX } from 'preact';

import { get } from '../api/client.js';
import type { ContainerService } from '../api/types.js';
import { fullTime } from '../lib/format.js';
import { useLoaded } from '../lib/use-loaded.js';
import { CopyButton, Facts, Labels, Loading, Note, Problem, Section, Title } from '../parts/basics.jsx';
import { Status } from '../parts/status.jsx';
import { RequestBox } from './request-box.jsx';

const REFRESH_MS = 3000;

export function ServiceView({
  slug,
  mayInvoke,
}: {
  readonly slug: string;
  readonly mayInvoke: boolean;
}): JSX.Element {
  const path = `r/containers/${encodeURIComponent(slug)}`;
  const { data: service, error } = useLoaded(
    (signal) => get<ContainerService>(path, {}, signal),
    REFRESH_MS,
    [slug],
  );
  if (!service) return error === undefined ? <Loading /> : <Problem text={error} />;
  const {
    display_name,
    service_status = '',
    service_desc,
    usage_prompt,
    last_failure,
    status_reason,
  } = service;
  return (
    <>
      <Title text={display_name ?? slug}>
        <Status state={service_status} isSteady />
      </Title>
      {service_desc && <p class="muted mb-5 max-w-3xl">{service_desc}</p>}
      <Problem text={error} />
      {status_reason && <Note>{status_reason}</Note>}
      <div class="grid gap-4 xl:grid-cols-[minmax(0,1fr)_24rem]">
        <div class="flex min-w-0 flex-col gap-4">
          <Section title="Request">
            {mayInvoke ? (
              <RequestBox slug={slug} />
            ) : (
              <Note>This key may not call services: it lacks the permission “invoke”.</Note>
            )}
          </Section>
          {last_failure && <LastFailure of={last_failure} />}
          {service.replicas?.map((replica) => (
            <ReplicaLog key={replica.replica} replica={replica} />
          ))}
        </div>
        <div class="flex min-w-0 flex-col gap-4">
          <Section title="Details">
            <ServiceFacts service={service} />
          </Section>
          {usage_prompt && (
            <Section title="How agents use it">
              <p class="text-sm break-words whitespace-pre-wrap">{usage_prompt}</p>
            </Section>
          )}
        </div>
      </div>
    </>
  );
}

type Failure = NonNullable<ContainerService['last_failure']>;
type Replica = NonNullable<ContainerService['replicas']>[number];

function LastFailure({ of }: { readonly of: Failure }): JSX.Element {
  const { reason, failed_at, exit_code, failures_in_a_row, log_lines } = of;
  return (
    <Section title="Last failure">
      <Problem text={reason} />
      <Facts
        of={[
          ['At', failed_at && fullTime(failed_at)],
          ['Exit code', exit_code],
          ['In a row', failures_in_a_row],
        ]}
      />
      {log_lines && log_lines.length > 0 && <Lines of={log_lines} label="Log of the last failure" />}
    </Section>
  );
}

function ReplicaLog({ replica }: { readonly replica: Replica }): JSX.Element {
  const { replica: number, replica_status = '', agent_id, last_exit, log_lines } = replica;
  return (
    <Section
      title={`Log of replica ${number ?? ''}`}
      action={<Status state={replica_status ?? ''} isSteady />}
    >
      <Facts
        of={[
          ['Agent', agent_id],
          ['Last exit', last_exit?.reason],
        ]}
      />
      <Lines of={log_lines ?? []} label={`Log of replica ${number ?? ''}`} />
    </Section>
  );
}

const Lines = ({ of, label }: { readonly of: readonly string[]; readonly label: string }): JSX.Element => (
  <pre
    class="bg-base-200 mt-3 max-h-72 overflow-auto rounded-lg p-3 font-mono text-xs leading-5 break-words whitespace-pre-wrap"
    tabIndex={0}
    role="region"
    aria-label={label}
  >
    {of.length > 0 ? of.join('\n') : 'Nothing was written.'}
  </pre>
);

function ServiceFacts({ service }: { readonly service: ContainerService }): JSX.Element {
  const { service_slug, url, replica_count, running_replicas, exposed_port, health_path } = service;
  const image = service['docker_image'] as string | undefined;
  const labels = service['required_labels'] as string[] | undefined;
  return (
    <>
      <Facts
        of={[
          ['Slug', <span class="font-mono">{service_slug}</span>],
          ['Replicas', `${running_replicas ?? 0} of ${replica_count ?? 1} running`],
          ['Image', image],
          ['Port', exposed_port],
          ['Health path', health_path],
          ['Labels', labels && labels.length > 0 && <Labels of={labels} />],
          ['URL', url && <span class="font-mono text-xs break-all">{url}</span>],
        ]}
      />
      {url && <CopyButton text={url} label="Copy the URL" />}
    </>
  );
}
