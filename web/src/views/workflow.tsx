import type { JSX } from 'preact';
import { lazy, Suspense } from 'preact/compat';
import { useState } from 'preact/hooks';

import { get, post } from '../api/client.js';
import type { Task, Workflow } from '../api/types.js';
import { go } from '../lib/route.js';
import { textOf, useLoaded } from '../lib/use-loaded.js';
import { Dialog, Facts, Labels, Loading, Note, Problem, Section, Title } from '../parts/basics.jsx';
import { Status } from '../parts/status.jsx';

/** Brings the library of forms, which only this view needs. */
const RunForm = lazy(async () => ({ default: (await import('../form/run-form.jsx')).RunForm }));

type Parameters = Readonly<Record<string, unknown>>;

interface WorkflowViewProps {
  readonly slug: string;
  readonly mayRun: boolean;
  /** A task whose parameters the form begins with. */
  readonly from: string | null;
}

interface Shown {
  readonly workflow: Workflow;
  readonly parameters: Parameters;
}

export function WorkflowView({ slug, mayRun, from }: WorkflowViewProps): JSX.Element {
  const { data, error } = useLoaded((signal) => shownOf(slug, from, signal), 0, [slug, from]);
  if (!data) return error === undefined ? <Loading /> : <Problem text={error} />;
  const { workflow, parameters } = data;
  const isActive = workflow.workflow_status === 'active';
  return (
    <>
      <Title text={workflow.display_name ?? slug}>
        {workflow.workflow_status && <Status state={workflow.workflow_status} />}
      </Title>
      {workflow.description && <p class="muted mb-5 max-w-3xl">{workflow.description}</p>}
      <div class="grid gap-4 xl:grid-cols-[minmax(0,1fr)_22rem]">
        <Section title="Run">
          {!mayRun && <Note>This key may not run workflows: it lacks the permission “run”.</Note>}
          {!isActive && <Note>This workflow is disabled and takes no runs.</Note>}
          {mayRun && isActive && <Run workflow={workflow} parameters={parameters} />}
        </Section>
        <Section title="Details">
          <WorkflowFacts workflow={workflow} />
        </Section>
      </div>
    </>
  );
}

async function shownOf(slug: string, from: string | null, signal: AbortSignal): Promise<Shown> {
  const [workflow, task] = await Promise.all([
    get<Workflow>(`r/workflows/slug/${encodeURIComponent(slug)}`, {}, signal),
    from === null ? undefined : get<Task>(`r/tasks/${encodeURIComponent(from)}`, {}, signal),
  ]);
  return { workflow, parameters: task?.parameters ?? {} };
}

/** The form, and the question before a run that needs one. */
function Run({ workflow, parameters }: Shown): JSX.Element {
  const [problem, setProblem] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const [asked, setAsked] = useState<Parameters>();
  const { workflow_slug = '', confirm } = workflow;
  const start = async (given: Parameters): Promise<void> => {
    setAsked(undefined);
    setBusy(true);
    setProblem(undefined);
    try {
      const body = { parameters: given };
      const { task_id } = await post<{ task_id: string }>(
        `r/workflows/slug/${encodeURIComponent(workflow_slug)}/run`,
        body,
      );
      go(['tasks', task_id]);
    } catch (error) {
      setProblem(textOf(error));
      setBusy(false);
    }
  };
  return (
    <>
      <Problem text={problem} />
      <Suspense fallback={<Loading />}>
        <RunForm
          schema={workflow.parameters_schema ?? {}}
          initial={parameters}
          isBusy={isBusy}
          onRun={(given) => (confirm ? setAsked(given) : void start(given))}
        />
      </Suspense>
      {asked && (
        <Dialog title="Run it?" onClose={() => setAsked(undefined)}>
          <p class="break-words whitespace-pre-wrap">{confirm}</p>
          <div class="modal-action">
            <button type="button" class="btn" onClick={() => setAsked(undefined)}>
              Back
            </button>
            <button type="button" class="btn btn-primary" onClick={() => void start(asked)}>
              Run
            </button>
          </div>
        </Dialog>
      )}
    </>
  );
}

function WorkflowFacts({ workflow }: { readonly workflow: Workflow }): JSX.Element {
  const { workflow_slug, version, required_labels, task_timeout, max_retries, tags } = workflow;
  return (
    <Facts
      of={[
        ['Slug', <span class="font-mono">{workflow_slug}</span>],
        ['Version', version],
        ['Labels', required_labels && required_labels.length > 0 && <Labels of={required_labels} />],
        ['Time limit', task_timeout ? `${task_timeout} s` : 'none'],
        ['Retries', max_retries],
        [
          'Tags',
          tags && Object.keys(tags).length > 0 && (
            <Labels of={Object.entries(tags).map((tag) => tag.join('='))} />
          ),
        ],
      ]}
    />
  );
}
