/** Bodies as the Runtime API documents them, with an unknown field in each. */
export const WORKFLOW_ID = '019abc12-8901-7890-abcd-ef1234567895';
export const TASK_ID = '019abc12-9012-7890-abcd-ef1234567896';

export const workflowSample = {
  id: WORKFLOW_ID,
  workflow_slug: 'sd-portrait-v2',
  display_name: 'SD 1.5 Portrait Generator',
  version: 3,
  workflow_status: 'active',
  created_at: '2025-01-20T10:00:00Z',
  updated_at: '2025-02-15T14:30:00Z',
  parameters: [{ key: 'prompt', type: 'string', label: 'Positive Prompt', required: true, node_id: '6' }],
  required_labels: ['gpu', 'sd15'],
  task_timeout: 300,
  max_retries: 2,
  of_tomorrow: { kept: true },
};

export const taskSample = (task_status: string, more: object = {}) => ({
  id: TASK_ID,
  workflow_id: WORKFLOW_ID,
  task_status,
  created_at: '2025-02-10T14:00:00Z',
  retry_count: 0,
  of_tomorrow: 'kept',
  ...more,
});

export const resultSample = {
  id: TASK_ID,
  task_status: 'completed',
  task_output: { files: [{ name: 'chart.svg', size: 812, content_type: 'image/svg+xml' }], image_count: 1 },
  download_url: null,
  download_urls: {
    'chart.svg': 'https://s3.example.com/outputs/chart.svg?X-Amz-Expires=3600',
    '9.images.0': 'https://s3.example.com/outputs/other.png?X-Amz-Expires=3600',
  },
  expires_at: '2025-02-10T15:01:30Z',
  task_error: '',
};

export const serviceSample = (service_slug = 'my-llm') => ({
  id: '019abc12-7777-7890-abcd-ef1234567890',
  service_slug,
  display_name: 'LLM',
  service_type: 'deployed',
  service_status: 'running',
  exposed_port: 11434,
  env_config: [{ env_name: 'HF_TOKEN', env_value: 'planted-env-secret' }],
  volume_config: [{ host_path: '/home/planted-host-path', container_path: '/models' }],
  usage_prompt: 'POST /api/generate with {model, prompt}.',
  openapi_url: '/openapi.json',
});

export const pageMeta = (total_count: number, current_page = 1, per_page = 20) => ({
  current_page,
  per_page,
  total_count,
});
