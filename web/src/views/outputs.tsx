import { Download } from 'lucide-preact';
import type { JSX } from 'preact';
import { lazy, Suspense } from 'preact/compat';

import { get, reachable } from '../api/client.js';
import type { TaskResult } from '../api/types.js';
import { kindOf } from '../lib/preview-kind.js';
import { useLoaded } from '../lib/use-loaded.js';
import { Loading, Note, Problem, Section } from '../parts/basics.jsx';
import { JsonTree } from '../parts/json-tree.jsx';

/** Brings what shows Markdown and tables, which most tasks do not need. */
const TextPreview = lazy(async () => ({ default: (await import('../parts/text-preview.jsx')).TextPreview }));

/** What a completed task has left: its files with previews, and its output. */
export function Outputs({ taskId }: { readonly taskId: string }): JSX.Element {
  const { data, error } = useLoaded((signal) => get<TaskResult>(`r/tasks/${taskId}/result`, {}, signal), 0, [
    taskId,
  ]);
  if (!data) return error === undefined ? <Loading /> : <Problem text={error} />;
  const files = Object.entries(data.download_urls ?? {});
  return (
    <>
      {data.task_warnings?.map((warning) => (
        <Note key={warning}>{warning}</Note>
      ))}
      {files.map(([name, url]) => (
        <OutputFile key={name} name={name} url={reachable(url)} />
      ))}
      {data.task_output !== null && data.task_output !== undefined && (
        <Section title="Output">
          <JsonTree value={data.task_output} />
        </Section>
      )}
    </>
  );
}

function OutputFile({ name, url }: { readonly name: string; readonly url: string }): JSX.Element {
  const kind = kindOf(name);
  const download = (
    <a class="btn btn-sm btn-ghost" href={url} download={name}>
      <Download size={15} aria-hidden="true" />
      <span>
        Download<span class="sr-only"> {name}</span>
      </span>
    </a>
  );
  return (
    <Section title={name} action={download}>
      {/* A picture in an img element runs no scripts, also not those of an SVG. */}
      {kind === 'image' && <img src={url} alt={name} class="mx-auto max-h-[32rem] max-w-full rounded-lg" />}
      {kind !== 'image' && kind !== 'other' && (
        <Suspense fallback={<Loading />}>
          <TextPreview name={name} url={url} kind={kind} />
        </Suspense>
      )}
      {kind === 'other' && <p class="muted text-sm">There is no preview of this kind of file.</p>}
    </Section>
  );
}
