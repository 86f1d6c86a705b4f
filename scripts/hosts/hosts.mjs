// How each host is started without a user, with its settings in a home folder of its own: no account and no setting of
// the person who runs this is used.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { anthropic } from './anthropic.mjs';
import { google } from './google.mjs';
import { openai } from './openai.mjs';

const PROMPT = 'Follow the script.';

export const HOSTS = {
  claude: {
    program: 'claude',
    package: '@anthropic-ai/claude-code',
    api: anthropic,
    commands: ({ home, mcpUrl, key, modelUrl }) => {
      write(home, 'mcp.json', {
        mcpServers: {
          cyberun: { type: 'http', url: mcpUrl, headers: { Authorization: `Bearer ${key}` } },
        },
      });
      return {
        args: [
          '-p',
          PROMPT,
          '--allowedTools=mcp__cyberun',
          '--strict-mcp-config',
          '--mcp-config',
          join(home, 'mcp.json'),
        ],
        env: {
          ANTHROPIC_BASE_URL: modelUrl,
          ANTHROPIC_API_KEY: 'scripted',
          CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
        },
      };
    },
  },
  codex: codex(''),
  // A model to which Codex offers each tool by itself.
  'codex-gpt-5': codex('model = "gpt-5"\n'),
  gemini: {
    program: 'gemini',
    package: '@google/gemini-cli',
    api: google,
    commands: ({ home, mcpUrl, key, modelUrl }) => {
      write(home, '.gemini/settings.json', {
        general: { enableAutoUpdate: false },
        privacy: { usageStatisticsEnabled: false },
        security: { auth: { selectedType: 'gemini-api-key' } },
        mcpServers: {
          cyberun: { httpUrl: mcpUrl, headers: { Authorization: 'Bearer $CYBERUN_API_KEY' } },
        },
      });
      return {
        args: ['-p', PROMPT, '-m', 'gemini-2.5-flash', '--approval-mode', 'yolo', '--skip-trust'],
        env: { CYBERUN_API_KEY: key, GEMINI_API_KEY: 'scripted', GOOGLE_GEMINI_BASE_URL: modelUrl },
      };
    },
  },
};

function codex(model) {
  return {
    program: 'codex',
    package: '@openai/codex',
    api: openai,
    commands: ({ home, mcpUrl, key, modelUrl }) => {
      const config = `${model}tool_output_token_limit = 10000
model_provider = "scripted"
[model_providers.scripted]
name = "scripted"
base_url = "${modelUrl}/v1"
wire_api = "responses"
[mcp_servers.cyberun]
url = "${mcpUrl}"
bearer_token_env_var = "CYBERUN_API_KEY"
default_tools_approval_mode = "approve"
tool_timeout_sec = 330
`;
      write(home, '.codex/config.toml', config);
      return { args: ['exec', '--skip-git-repo-check', PROMPT], env: { CYBERUN_API_KEY: key } };
    },
  };
}

function write(home, name, content) {
  const file = join(home, name);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
}
