import { Download } from 'lucide-preact';
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

import { send } from '../api/client.js';
import { follow } from '../api/events.js';
import type { TaskLogLine } from '../api/types.js';
import { saveAs } from '../lib/save.js';
import { textOf } from '../lib/use-loaded.js';
import { Problem, Section } from '../parts/basics.jsx';

/** Lines from the end when the log is opened, which is the most that the API takes. */
const TAIL = 1000;
const KEPT = 5000;
/** Lines that arrive together are drawn together. */
const DRAW_MS = 100;
/** So near to the end, further lines are followed. */
const NEAR_PX = 40;

const COLORS: Readonly<Record<string, string>> = { stderr: 'text-error', system: 'text-info italic' };

/** The log of a task. It follows its end until a person scrolls up. */
export function TaskLog({
  taskId,
  isOver,
}: {
  readonly taskId: string;
  readonly isOver: boolean;
}): JSX.Element {
  const { lines, problem } = useLog(taskId);
  const [search, setSearch] = useState('');
  const view = useRef<HTMLDivElement>(null);
  const isFollowing = useRef(true);
  const shown =
    search === '' ? lines : lines.filter(({ text }) => text.toLowerCase().includes(search.toLowerCase()));
  useEffect(() => {
    if (isFollowing.current) view.current?.scrollTo({ top: view.current.scrollHeight });
  }, [shown.length]);
  const scrolled = ({
    currentTarget: { scrollHeight, scrollTop, clientHeight },
  }: JSX.TargetedEvent<HTMLDivElement>): void => {
    isFollowing.current = scrollHeight - scrollTop - clientHeight < NEAR_PX;
  };
  return (
    <Section title="Log" action={<LogActions taskId={taskId} search={search} onSearch={setSearch} />}>
      <Problem text={problem} />
      {lines.length >= TAIL && (
        <p class="muted mb-2 text-xs">The last {lines.length} lines. The download has all that are kept.</p>
      )}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div
        ref={view}
        role="log"
        aria-label="Log"
        tabIndex={0}
        class="bg-base-200 h-80 overflow-auto rounded-lg p-3 font-mono text-xs leading-5"
        onScroll={scrolled}
      >
        {shown.map(({ cursor, stream, text }) => (
          <div key={cursor} class={`break-words whitespace-pre-wrap ${COLORS[stream] ?? ''}`}>
            {text || ' '}
          </div>
        ))}
        {shown.length === 0 && <span class="muted">{emptyText(search, isOver)}</span>}
      </div>
    </Section>
  );
}

const emptyText = (search: string, isOver: boolean): string => {
  if (search !== '') return 'No line has this text.';
  return isOver ? 'Nothing was written.' : 'Nothing is written yet.';
};

interface LogActionsProps {
  readonly taskId: string;
  readonly search: string;
  readonly onSearch: (search: string) => void;
}

function LogActions({ taskId, search, onSearch }: LogActionsProps): JSX.Element {
  const download = async (): Promise<void> => {
    const response = await send('GET', `r/tasks/${taskId}/logs`, { headers: { Accept: 'text/plain' } });
    saveAs(await response.blob(), `${taskId}.log`);
  };
  return (
    <>
      <input
        type="search"
        aria-label="Filter lines"
        placeholder="Filter lines"
        class="input input-sm w-36"
        value={search}
        onInput={({ currentTarget }) => onSearch(currentTarget.value)}
      />
      <button type="button" class="btn btn-sm btn-ghost" onClick={() => void download()}>
        <Download size={15} aria-hidden="true" />
        Download
      </button>
    </>
  );
}

function useLog(taskId: string): { lines: readonly TaskLogLine[]; problem: string | undefined } {
  const [lines, setLines] = useState<readonly TaskLogLine[]>([]);
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    const ending = new AbortController();
    let fresh: TaskLogLine[] = [];
    const drawing = setInterval(() => {
      if (fresh.length === 0) return;
      const added = fresh;
      fresh = [];
      setLines((before) => [...before, ...added].slice(-KEPT));
    }, DRAW_MS);
    follow(`r/tasks/${taskId}/logs`, {
      query: { tail: TAIL },
      signal: ending.signal,
      isLast: ({ name }) => name === 'end',
      onEvent: ({ name, data }) => {
        if (name === 'log') fresh.push(data as TaskLogLine);
      },
    }).catch((error: unknown) => {
      if (!ending.signal.aborted) setProblem(textOf(error));
    });
    return () => {
      clearInterval(drawing);
      ending.abort();
    };
  }, [taskId]);
  return { lines, problem };
}
