import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

/** Levels that are open at first. */
const OPEN_DEPTH = 2;
/** Of a longer list the rest is only counted. */
const SHOWN = 200;

interface TreeProps {
  readonly value: unknown;
  readonly name?: string;
  readonly depth?: number;
}

/** A JSON value whose objects and lists open and close. */
export function JsonTree({ value, name, depth = 0 }: TreeProps): JSX.Element {
  const [isOpen, setOpen] = useState(depth < OPEN_DEPTH);
  const label = name !== undefined && <span class="text-primary">{name}: </span>;
  if (typeof value !== 'object' || value === null)
    return (
      <div class="font-mono text-xs leading-6 break-words whitespace-pre-wrap">
        {label}
        <span class={typeof value === 'string' ? 'text-success' : 'text-accent'}>
          {JSON.stringify(value)}
        </span>
      </div>
    );
  const entries: [string, unknown][] = Object.entries(value);
  const size = Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`;
  return (
    <details
      open={isOpen}
      class="font-mono text-xs leading-6"
      onToggle={({ currentTarget }) => setOpen(currentTarget.open)}
    >
      <summary class="cursor-pointer">
        {label}
        <span class="muted">{size}</span>
      </summary>
      {/* What is closed is not drawn: a value may be deeper than the stack, and wider than the memory. */}
      {isOpen && (
        <div class="border-base-300 ml-1.5 border-l pl-4">
          {entries.slice(0, SHOWN).map(([key, inner]) => (
            <JsonTree key={key} name={key} value={inner} depth={depth + 1} />
          ))}
          {entries.length > SHOWN && <div class="muted">… and {entries.length - SHOWN} more</div>}
        </div>
      )}
    </details>
  );
}
