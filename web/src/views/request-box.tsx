import { Send } from 'lucide-preact';
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { post } from '../api/client.js';
import type { InvokeAnswer } from '../api/types.js';
import { duration } from '../lib/format.js';
import { textOf } from '../lib/use-loaded.js';
import { Problem } from '../parts/basics.jsx';
import { JsonTree } from '../parts/json-tree.jsx';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'] as const;
const BODILESS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const SHOWN = 200_000;

interface Answered {
  readonly answer: InvokeAnswer;
  readonly tookMs: number;
}

/** A request to a service by hand, as an agent would send it. */
export function RequestBox({ slug }: { readonly slug: string }): JSX.Element {
  const [method, setMethod] = useState<string>('GET');
  const [path, setPath] = useState('/');
  const [body, setBody] = useState('');
  const [answered, setAnswered] = useState<Answered>();
  const [problem, setProblem] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    setAnswered(undefined);
    const began = performance.now();
    try {
      const answer = await post<InvokeAnswer>(
        `r/invoke/${encodeURIComponent(slug)}`,
        requestOf(method, path, body),
      );
      setAnswered({ answer, tookMs: performance.now() - began });
    } catch (error) {
      setProblem(textOf(error));
    }
    setBusy(false);
  };
  return (
    <form onSubmit={(event) => void submit(event)}>
      <div class="flex flex-wrap gap-2">
        <select
          aria-label="Method"
          class="select w-28"
          value={method}
          onChange={({ currentTarget }) => setMethod(currentTarget.value)}
        >
          {METHODS.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
        <input
          aria-label="Path"
          class="input min-w-40 flex-1 font-mono"
          value={path}
          required
          onInput={({ currentTarget }) => setPath(currentTarget.value)}
        />
        <button type="submit" class="btn btn-primary" disabled={isBusy}>
          <Send size={16} aria-hidden="true" />
          {isBusy ? 'Sending…' : 'Send'}
        </button>
      </div>
      {!BODILESS.has(method) && (
        <textarea
          aria-label="Body"
          class="textarea mt-2 w-full font-mono text-xs"
          rows={4}
          placeholder='{"title": "…"}'
          value={body}
          onInput={({ currentTarget }) => setBody(currentTarget.value)}
        />
      )}
      <div class="mt-3" aria-live="polite">
        <Problem text={problem} />
        {answered && <ServiceAnswer of={answered} />}
      </div>
    </form>
  );
}

function requestOf(method: string, path: string, body: string): object {
  if (BODILESS.has(method) || body === '') return { method, path };
  const bytes = new TextEncoder().encode(body);
  const content = jsonOf(body) !== undefined ? 'application/json' : 'text/plain; charset=utf-8';
  return { method, path, headers: { 'Content-Type': content }, body_base64: base64(bytes) };
}

const base64 = (bytes: Uint8Array): string =>
  btoa(Array.from(bytes, (byte) => String.fromCodePoint(byte)).join(''));

/** The value of a JSON text; `undefined` for any other text. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function ServiceAnswer({ of: { answer, tookMs } }: { readonly of: Answered }): JSX.Element {
  const isFine = answer.status_code < 400;
  const headers = Object.entries(answer.headers ?? {}).map(([name, value]) => `${name}: ${String(value)}`);
  return (
    <>
      <p class="mb-2 flex items-center gap-3 text-sm">
        <span class={`badge badge-soft ${isFine ? 'badge-success' : 'badge-error'}`}>
          {answer.status_code}
        </span>
        <span class="muted">{duration(tookMs)}</span>
      </p>
      <AnswerBody text={textOfBody(answer.body_base64 ?? '')} />
      <details class="mt-2 text-sm">
        <summary class="muted cursor-pointer">Headers</summary>
        <pre class="mt-1 font-mono text-xs break-words whitespace-pre-wrap">{headers.join('\n')}</pre>
      </details>
    </>
  );
}

function AnswerBody({ text }: { readonly text: string }): JSX.Element {
  const value = jsonOf(text);
  return (
    <div
      class="bg-base-200 max-h-96 overflow-auto rounded-lg p-3"
      tabIndex={0}
      role="region"
      aria-label="Body of the answer"
    >
      {typeof value === 'object' ? (
        <JsonTree value={value} />
      ) : (
        <pre class="font-mono text-xs break-words whitespace-pre-wrap">
          {text.slice(0, SHOWN) || '(no body)'}
        </pre>
      )}
    </div>
  );
}

const textOfBody = (body: string): string =>
  new TextDecoder().decode(Uint8Array.from(atob(body), (letter) => letter.codePointAt(0) ?? 0));
