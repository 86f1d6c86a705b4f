import { MockRuntime } from './mock-runtime.js';
import {
  pageMeta,
  resultSample,
  serviceSample,
  TASK_ID,
  taskSample,
  WORKFLOW_ID,
  workflowSample,
} from './runtime-samples.js';

/** A call of a tool that works, and the endpoint behind it. */
export interface ToolCall {
  readonly name: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly route: string;
  readonly answer: Readonly<Record<string, unknown>>;
  readonly status?: number;
  /** The call may change something. */
  readonly isWrite?: boolean;
}

const workflow_id = WORKFLOW_ID;
const workflow_slug = 'sd-portrait-v2@2';
const task_id = TASK_ID;
const service_slug = 'my-llm';
const file = { file_name: 'a.png', file_size: 3, content_type: 'image/png' };
const upload = {
  file_key: 'inputs/x/a.png',
  upload_url: 'https://s3.example.com/a?X-Amz-Signature=abc',
  upload_headers: { 'Content-Length': '3', 'If-None-Match': '*' },
};

/** One call of each of the fifteen; `stream_task_events` is behind `get_task` once its stream has ended. */
export const EVERY_TOOL: readonly ToolCall[] = [
  {
    name: 'list_workflows',
    args: { current_page: 1, per_page: 5, response_format: 'detailed' },
    route: 'GET /r/workflows',
    answer: { workflow_list: [workflowSample], page_meta: pageMeta(1, 1, 5) },
  },
  { name: 'get_workflow', args: { workflow_id }, route: 'GET /r/workflows/:id', answer: workflowSample },
  {
    name: 'get_workflow_by_slug',
    args: { workflow_slug },
    route: 'GET /r/workflows/slug/:slug',
    answer: workflowSample,
  },
  {
    name: 'presign_file_upload',
    args: { body: file },
    route: 'POST /r/files/presign',
    answer: upload,
    isWrite: true,
  },
  {
    name: 'run_workflow',
    args: { workflow_id, body: { prompt: 'x' } },
    route: 'POST /r/workflows/:id/run',
    answer: { task_id },
    status: 202,
    isWrite: true,
  },
  {
    name: 'run_workflow_by_slug',
    args: { workflow_slug },
    route: 'POST /r/workflows/slug/:slug/run',
    answer: { task_id },
    status: 202,
    isWrite: true,
  },
  {
    name: 'list_tasks',
    args: { status: 'running', response_format: 'detailed' },
    route: 'GET /r/tasks',
    answer: { task_list: [taskSample('running')], page_meta: pageMeta(1) },
  },
  { name: 'get_task', args: { task_id }, route: 'GET /r/tasks/:id', answer: taskSample('running') },
  { name: 'get_task_result', args: { task_id }, route: 'GET /r/tasks/:id/result', answer: resultSample },
  {
    name: 'cancel_task',
    args: { task_id },
    route: 'POST /r/tasks/:id/cancel',
    answer: { is_success: true },
    isWrite: true,
  },
  {
    name: 'stream_task_events',
    args: { task_id },
    route: 'GET /r/tasks/:id',
    answer: taskSample('completed'),
  },
  {
    name: 'list_agents',
    args: { response_format: 'detailed' },
    route: 'GET /r/agents',
    answer: { agent_list: [{ agent_id: 'gpu-01', agent_labels: ['gpu'] }], page_meta: pageMeta(1) },
  },
  {
    name: 'list_container_services',
    args: {},
    route: 'GET /r/containers',
    answer: { service_list: [serviceSample()] },
  },
  {
    name: 'get_container_service',
    args: { service_slug },
    route: 'GET /r/containers/:slug',
    answer: serviceSample(),
  },
  {
    name: 'call_container_service',
    args: { service_slug, method: 'POST', path: '/api?x=1', body_base64: 'e30=', headers: { 'X-A': 'b' } },
    route: 'POST /r/invoke/:slug',
    answer: { status_code: 404, headers: { 'Set-Cookie': ['a', 'b'] }, body_base64: 'AP8=' },
    isWrite: true,
  },
];

/** A runtime that thinks well of every key. */
export async function friendlyRuntime(): Promise<MockRuntime> {
  const runtime = await MockRuntime.start();
  return runtime.on('GET /r/workflows', { json: { workflow_list: [] } });
}
