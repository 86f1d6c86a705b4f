// What the scripted model does in every host: each step is one call of a tool, made from what the model saw of the
// calls before it, and what it must see in the answer.

/** The newest value of a field in what the model saw, as JSON within any other text. */
const newest = (seen, field) => {
  const found = [...seen.replaceAll('\\', '').matchAll(new RegExp(`"${field}":\\s*"([^"]+)"`, 'g'))].at(-1);
  if (!found) throw new Error(`the model has not seen a ${field}`);
  return found[1];
};

const run = (slug, body, waitSeconds) => () => ({
  tool: 'run_workflow_by_slug',
  input: { workflow_slug: slug, body, wait_seconds: waitSeconds },
});

const upload = (name, text) => () => ({
  tool: 'presign_file_upload',
  input: { body: { file_name: name, content_type: 'text/plain', content_text: text } },
});

const ask = (request) => ({ tool: 'call_container_service', input: { service_slug: 'notes', ...request } });

const TEXT = 'first line\nsecond line, with "quotes" and ü\n';

/** Longer than an answer may be. */
const LONG_TEXT = Array.from({ length: 1000 }, (_, n) => `line ${n + 1} of a long text\n`).join('');

/** A single red point. */
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC';
const PNG_TYPE = { 'Content-Type': 'image/png' };

/** `all` is the text of all answers so far, as the model saw them. `sees`: what it must see in the answer. */
export const STEPS = [
  {
    name: 'list agents (its content is marked on the way)',
    call: () => ({ tool: 'list_agents', input: {} }),
    sees: [/local/],
  },
  {
    name: 'run a failing workflow and wait',
    call: run('fail', { message: 'no space left on the tape' }, 45),
    sees: [/failed/, /task_id/],
  },
  {
    name: 'log of the failed task',
    call: (all) => ({ tool: 'get_task_result', input: { task_id: newest(all, 'task_id'), log_tail: 20 } }),
    sees: [/task_log/, /attempt 1/, /no space left on the tape/, /untrusted/],
  },
  { name: 'run with wait_seconds', call: run('square', { value: 12 }, 45), sees: [/144/, /completed/] },
  {
    name: 'run with a wait that is too short',
    call: run('sleep', { seconds: 8, steps: 4 }, 1),
    sees: [/task_id/, /note/],
  },
  {
    name: 'follow that run to its end',
    call: (all) => ({ tool: 'stream_task_events', input: { task_id: newest(all, 'task_id') } }),
    sees: [/completed/],
  },
  {
    name: 'upload a text with content_text',
    call: upload('lines.txt', TEXT),
    sees: [/file_key/],
  },
  {
    name: 'run with that file',
    call: (all) => run('copy-file', { file: newest(all, 'file_key') }, 45)(),
    sees: [/completed/, /lines\.txt/],
  },
  {
    name: 'its result with links',
    call: (all) => ({ tool: 'get_task_result', input: { task_id: newest(all, 'task_id') } }),
    sees: [/download_url/, /lines\.txt/, /https?:\/\//],
  },
  {
    name: 'read the text back',
    call: (all) => ({
      tool: 'read_output',
      input: { task_id: newest(all, 'task_id'), name: 'lines.txt' },
    }),
    sees: [/second line, with/, /ü/],
  },
  { name: 'run that makes a picture', call: run('mandelbrot', { size: 64 }, 45), sees: [/completed/] },
  {
    name: 'read the picture',
    call: (all) => ({ tool: 'read_output', input: { task_id: newest(all, 'task_id') } }),
    sees: [/image\/png/],
    picture: true,
  },
  {
    name: 'upload a long text',
    call: upload('long.txt', LONG_TEXT),
    sees: [/file_key/],
  },
  {
    name: 'run with the long file',
    call: (all) => run('copy-file', { file: newest(all, 'file_key') }, 45)(),
    sees: [/completed/, /long\.txt/],
  },
  {
    name: 'read the long text, which the server cuts',
    call: (all) => ({ tool: 'read_output', input: { task_id: newest(all, 'task_id') } }),
    sees: [/line 1 /, /next_offset/],
  },
  {
    name: 'ask a service',
    call: () => ask({ method: 'GET', path: '/notes', prefer: 'text' }),
    sees: [/"status_code":200/, /"notes":\[/],
  },
  {
    name: 'store a picture at the service',
    call: () => ask({ method: 'PUT', path: '/attachments/dot.png', body_base64: PNG, headers: PNG_TYPE }),
    sees: [/"status_code":20[01]/],
  },
  {
    name: 'get the picture from the service',
    call: () => ask({ method: 'GET', path: '/attachments/dot.png' }),
    sees: [/"status_code":200/],
    picture: true,
  },
  {
    name: 'store a long text at the service',
    call: () => ask({ method: 'PUT', path: '/attachments/long.txt', body_text: LONG_TEXT }),
    sees: [/"status_code":20[01]/],
  },
  {
    name: 'get it, which gives a link',
    call: () => ask({ method: 'GET', path: '/attachments/long.txt', prefer: 'text' }),
    sees: [/"status_code":200/, /body_link/, /https?:\/\//],
  },
  {
    name: 'a call with an unknown argument',
    call: () => ({ tool: 'get_workflow_by_slug', input: { workflow_slug: 'square', verbose: 'yes' } }),
    // Gemini CLI checks the arguments itself.
    sees: [/error_message.*verbose|must NOT have additional properties/],
  },
];

/** The tools of all steps. */
export const TOOLS = [
  'list_agents',
  'run_workflow_by_slug',
  'get_task_result',
  'stream_task_events',
  'presign_file_upload',
  'read_output',
  'call_container_service',
  'get_workflow_by_slug',
];
