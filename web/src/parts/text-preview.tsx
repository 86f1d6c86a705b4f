import dompurify from 'dompurify';
import { marked } from 'marked';
import papaparse from 'papaparse';
import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';

import type { TextKind } from '../lib/preview-kind.js';
import { bytes } from '../lib/format.js';
import { useLoaded } from '../lib/use-loaded.js';
import { Loading } from './basics.jsx';
import { JsonTree } from './json-tree.jsx';

/** Of a larger file only the beginning is read. */
const LIMIT_BYTES = 512 * 1024;
const ROWS = 200;

interface Start {
  readonly text: string;
  readonly isAll: boolean;
}

interface PreviewProps {
  readonly name: string;
  readonly url: string;
  readonly kind: TextKind;
}

/** The beginning of a file of text, in the form that fits its kind. */
export function TextPreview({ name, url, kind }: PreviewProps): JSX.Element {
  const { data, error } = useLoaded((signal) => startOf(url, signal), 0, [url]);
  if (error !== undefined)
    return <p class="muted text-sm">The file cannot be shown here ({error}). Download it instead.</p>;
  if (!data) return <Loading />;
  return (
    <div class="max-h-[32rem] overflow-auto" tabIndex={0} role="region" aria-label={`Content of ${name}`}>
      <Content text={data.text} kind={data.isAll || kind !== 'json' ? kind : 'text'} />
      {!data.isAll && (
        <p class="muted mt-2 text-xs">
          These are the first {bytes(LIMIT_BYTES)}. The download has all of it.
        </p>
      )}
    </div>
  );
}

async function startOf(url: string, signal: AbortSignal): Promise<Start> {
  const response = await fetch(url, {
    signal,
    headers: { Range: `bytes=0-${LIMIT_BYTES - 1}` },
    credentials: 'omit',
  });
  // An empty file has no first byte.
  if (response.status === 416) return { text: '', isAll: true };
  if (!response.ok) throw new Error(`status ${response.status}`);
  const size = Number(/\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1] ?? 0);
  const isAll = size <= LIMIT_BYTES;
  const text = await response.text();
  // The cut may be inside a character.
  return { text: isAll ? text : text.replace(/\uFFFD$/, ''), isAll };
}

function Content({ text, kind }: { readonly text: string; readonly kind: TextKind }): JSX.Element {
  switch (kind) {
    case 'json':
      return <JsonText text={text} />;
    case 'markdown':
      return <Markdown text={text} />;
    case 'csv':
    case 'tsv':
      return <Rows text={text} delimiter={kind === 'tsv' ? '\t' : ''} />;
    default:
      return <PlainText text={text} />;
  }
}

const PlainText = ({ text }: { readonly text: string }): JSX.Element => (
  <pre class="font-mono text-xs leading-5 break-words whitespace-pre-wrap">{text || '(empty)'}</pre>
);

function JsonText({ text }: { readonly text: string }): JSX.Element {
  try {
    return <JsonTree value={JSON.parse(text) as unknown} />;
  } catch {
    return <PlainText text={text} />;
  }
}

const TAGS =
  'p br hr h1 h2 h3 h4 h5 h6 ul ol li blockquote pre code kbd a em strong b i del sub sup details summary table thead tbody tr th td';
/** What Markdown is written as: no scripts, styles or forms, and no pictures, which would tell other servers of it. */
const MARKDOWN = {
  ALLOWED_TAGS: TAGS.split(' '),
  ALLOWED_ATTR: ['href', 'title', 'start', 'align', 'open'],
  ALLOW_ARIA_ATTR: false,
  ALLOW_DATA_ATTR: false,
};
// A link leaves the console open, and tells nothing of it.
dompurify.addHook('afterSanitizeAttributes', (element) => {
  if (element.tagName !== 'A') return;
  element.setAttribute('target', '_blank');
  element.setAttribute('rel', 'noopener noreferrer');
});

/** Markdown of a task, which is untrusted. */
function Markdown({ text }: { readonly text: string }): JSX.Element {
  const html = useMemo(() => dompurify.sanitize(marked.parse(text, { async: false }), MARKDOWN), [text]);
  return <div class="prose-lite" dangerouslySetInnerHTML={{ __html: html }} />;
}

function Rows({ text, delimiter }: { readonly text: string; readonly delimiter: string }): JSX.Element {
  const { data, meta } = useMemo(
    () => papaparse.parse<string[]>(text, { delimiter, preview: ROWS + 1, skipEmptyLines: true }),
    [text, delimiter],
  );
  const [head = [], ...body] = data;
  if (data.length === 0) return <PlainText text={text} />;
  return (
    <>
      <table class="table table-xs table-pin-rows">
        <thead class="text-base-content/75">
          <tr>
            {head.map((cell, index) => (
              <th key={index} scope="col">
                {cell}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {body.map((row, line) => (
            <tr key={line}>
              {row.map((cell, index) => (
                <td key={index} class="max-w-80 break-words whitespace-pre-wrap">
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {meta.truncated && (
        <p class="muted mt-2 text-xs">These are the first {ROWS} rows. The download has all of them.</p>
      )}
    </>
  );
}
