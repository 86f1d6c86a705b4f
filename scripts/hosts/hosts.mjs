// How each host is started without a user, with its settings in a home folder of its own: no account and no setting of
// the person who runs this is used. `connect` writes the part that is about our server.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { anthropic } from './anthropic.mjs';
import { google } from './google.mjs';
import { openai } from './openai.mjs';

const PROMPT = 'Follow the script.';

/** `client` is the name for `connect`; `settings` writes what else the host needs; `env` is for the host alone. */
export const HOSTS = {
  claude: {
    client: 'claude',
    program: 'claude',
    package: '@anthropic-ai/claude-code',
    api: anthropic,
    settings: () => {},
    args: ['-p', PROMPT, '--allowedTools=mcp__cyberun'],
    env: (modelUrl) => ({
      ANTHROPIC_BASE_URL: modelUrl,
      ANTHROPIC_API_KEY: 'scripted',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    }),
  },
  codex: codex(''),
  // A model to which Codex offers each tool by itself.
  'codex-gpt-5': codex('model = "gpt-5"\n'),
  gemini: {
    client: 'gemini',
    program: 'gemini',
    package: '@google/gemini-cli',
    api: google,
    settings: (home) =>
      write(home, '.gemini/settings.json', {
        general: { enableAutoUpdate: false },
        privacy: { usageStatisticsEnabled: false },
        security: { auth: { selectedType: 'gemini-api-key' } },
      }),
    args: ['-p', PROMPT, '-m', 'gemini-2.5-flash', '--approval-mode', 'yolo', '--skip-trust'],
    env: (modelUrl) => ({ GEMINI_API_KEY: 'scripted', GOOGLE_GEMINI_BASE_URL: modelUrl }),
  },
  opencode: {
    client: 'opencode',
    program: 'opencode',
    package: 'opencode-ai',
    api: anthropic,
    settings: (home, modelUrl) =>
      write(home, '.config/opencode/opencode.json', {
        $schema: 'https://opencode.ai/config.json',
        autoupdate: false,
        share: 'disabled',
        permission: 'allow',
        model: 'scripted/model',
        provider: {
          scripted: {
            npm: '@ai-sdk/anthropic',
            options: { baseURL: `${modelUrl}/v1`, apiKey: 'scripted' },
            models: { model: { attachment: true, tool_call: true } },
          },
        },
      }),
    args: ['run', PROMPT],
    env: () => ({ OPENCODE_DISABLE_AUTOUPDATE: '1' }),
  },
};

function codex(model) {
  return {
    client: 'codex',
    program: 'codex',
    package: '@openai/codex',
    api: openai,
    settings: (home, modelUrl) =>
      write(
        home,
        '.codex/config.toml',
        `${model}model_provider = "scripted" # not an account
[model_providers.scripted]
name = "scripted"
base_url = "${modelUrl}/v1"
wire_api = "responses"
`,
      ),
    args: ['exec', '--skip-git-repo-check', PROMPT],
    env: () => ({}),
  };
}

function write(home, name, content) {
  const file = join(home, name);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
}
