import { IsBoolean, IsIn, IsNotEmpty, IsUrl } from 'class-validator';

import { AgentSettings } from './agent-settings.js';
import { Setting } from './setting.decorator.js';
import {
  AUDIT,
  DATABASE_URL,
  DAY_LIMIT,
  Each,
  HOST,
  INTEGRATION_KEY,
  Is,
  KEY_TOOL,
  Optional,
  ORIGIN,
  REDIS_URL,
  TOOL_NAMES,
  TOOLSET,
  WholeNumber,
} from './setting-rules.js';

/**
 * Every setting of the process, validated once at start. A property without its variable keeps the value given here;
 * `undefined` means that the value is derived, and `defaultText` says from what.
 */
export class Settings extends AgentSettings {
  @Setting({
    env: 'CYBERUN_DATA_DIR',
    meaning: 'Folder of the embedded runtime: database, files, lock, admin socket.',
    example: '.cyberun',
  })
  @IsNotEmpty()
  dataDir: string = '.cyberun';

  @Setting({
    env: 'CYBERUN_DATABASE_URL',
    meaning: 'PostgreSQL (15 or newer) of the embedded runtime; it is used in place of PGlite.',
    example: 'postgresql://cyberun:secret@postgres.example.com:5432/cyberun',
    defaultText: 'empty: PGlite in the data folder',
    isSecret: true,
  })
  @Optional(Is(DATABASE_URL))
  databaseUrl?: string;

  @Setting({
    env: 'CYBERUN_NODE_URL',
    meaning: 'Address at which the other runtime nodes on the same database reach this one.',
    example: 'http://10.0.0.7:8080',
    defaultText: 'from host and port; with a wildcard host the first address of the machine',
  })
  @Optional(Is(ORIGIN))
  nodeUrl?: string;

  @Setting({
    env: 'CYBERUN_REDIS_URL',
    meaning: 'Redis for 2025-era sessions, so that any replica serves any request; rediss:// is TLS.',
    example: 'redis://redis.example.com:6379/0',
    defaultText: 'empty: in memory, for one replica',
    isSecret: true,
  })
  @Optional(IsUrl(REDIS_URL))
  redisUrl?: string;

  @Setting({
    env: 'CYBERUN_BOOTSTRAP_KEY',
    meaning: 'First sk- key of the embedded runtime, for automation.',
    example: 'sk- followed by 20 to 200 letters, digits, - or _',
    defaultText: 'empty: a random key, shown once',
    isSecret: true,
  })
  @Optional(Is(INTEGRATION_KEY))
  bootstrapKey?: string;

  @Setting({
    env: 'CYBERUN_WORKFLOWS_DIR',
    meaning: 'Folder of workflow definitions (YAML), loaded at start and when they change.',
    example: 'workflows',
    defaultText: '`workflows` of the package',
  })
  @Optional()
  workflowsDir?: string;

  @Setting({
    env: 'CYBERUN_SERVICES_DIR',
    meaning: 'Folder of container service definitions (YAML), loaded at start and when they change.',
    example: 'services',
    defaultText: '`services` of the package',
  })
  @Optional()
  servicesDir?: string;

  @Setting({
    env: 'CYBERUN_FILES_MAX_BYTES',
    meaning: 'Largest file a client may upload, in bytes.',
    example: '524288000',
  })
  @WholeNumber(1)
  filesMaxBytes: number = 524_288_000;

  @Setting({
    env: 'CYBERUN_FILES_INPUT_DAYS',
    meaning: 'Days an uploaded file is kept.',
    example: '1',
  })
  @WholeNumber(1, DAY_LIMIT)
  filesInputDays: number = 1;

  @Setting({
    env: 'CYBERUN_FILES_OUTPUT_DAYS',
    meaning: 'Days the outputs of a task are kept.',
    example: '7',
  })
  @WholeNumber(1, DAY_LIMIT)
  filesOutputDays: number = 7;

  @Setting({
    env: 'CYBERUN_FILES_OUTPUT_COUNT',
    meaning: 'Files that are kept of one task; a run that leaves more fails.',
    example: '1000',
  })
  @WholeNumber(1, 100_000)
  filesOutputCount: number = 1000;

  @Setting({
    env: 'CYBERUN_FILES_OUTPUT_BYTES',
    meaning: 'Bytes that all files of one task may have together; a run that leaves more fails.',
    example: '10737418240',
  })
  @WholeNumber(1)
  filesOutputBytes: number = 10_737_418_240;

  @Setting({
    env: 'CYBERUN_RUNS_LEASE_SECONDS',
    meaning:
      'Seconds that a run waits for its agent after the connection or the runtime node was lost; the agent itself goes on for half of it. At least 45: the agent may notice the loss only 16 seconds later, and must have ended the run before another agent begins it.',
    example: '60',
  })
  @WholeNumber(45, 86_400)
  runsLeaseSeconds: number = 60;

  @Setting({
    env: 'CYBERUN_RUNS_RETRY_SECONDS',
    meaning:
      'Seconds before a failed run is repeated, where its workflow allows it; doubled with each further failure, up to 5 minutes.',
    example: '1',
  })
  @WholeNumber(0, 300)
  runsRetrySeconds: number = 1;

  @Setting({
    env: 'CYBERUN_MCP_ALLOWED_ORIGINS',
    meaning:
      'Values of the Origin header that are let in, separated by commas; a request without one always is.',
    example: 'https://app.example.com',
    defaultText: 'localhost class and the public URL',
  })
  @Optional(Each(ORIGIN))
  mcpAllowedOrigins?: string[];

  @Setting({
    env: 'CYBERUN_MCP_ALLOWED_HOSTS',
    meaning: 'Values of the Host header that are let in, separated by commas, with or without a port.',
    example: 'mcp.example.com',
    defaultText: 'localhost class and the host of the public URL',
  })
  @Optional(Each(HOST))
  mcpAllowedHosts?: string[];

  @Setting({
    env: 'CYBERUN_MCP_SESSION_IDLE_SECONDS',
    meaning:
      'Seconds without a request and without an open stream after which a session of a 2025-era client ends.',
    example: '1800',
  })
  @WholeNumber(1, 86_400)
  mcpSessionIdleSeconds: number = 1800;

  @Setting({
    env: 'CYBERUN_MCP_SESSIONS_PER_KEY',
    meaning:
      'Open sessions of 2025-era clients that one key may have, or one user of access tokens with all clients; further ones are refused with 429.',
    example: '1000',
  })
  @WholeNumber(1, 1_000_000)
  mcpSessionsPerKey: number = 1000;

  @Setting({
    env: 'CYBERUN_MCP_TOOLSETS',
    meaning:
      'Toolsets beyond the default tools that a connection may choose, by `?toolsets=` or the header `X-MCP-Toolsets`, separated by commas; docs/tools.md lists them.',
    example: 'logs',
    defaultText: 'empty: the default tools alone',
  })
  @Each(TOOLSET)
  mcpToolsets: string[] = [];

  @Setting({
    env: 'CYBERUN_MCP_READ_ONLY',
    meaning:
      'Whether clients have only tools that read, by their `readOnlyHint`; tasks are neither begun nor cancelled.',
    example: 'true',
  })
  @IsBoolean({ message: '$property must be true or false' })
  mcpReadOnly: boolean = false;

  @Setting({
    env: 'CYBERUN_MCP_TOOLS',
    meaning: 'The only tools that clients have: names, or beginnings with a `*`, separated by commas.',
    example: 'list_*,get_*,stream_task_events',
    defaultText: 'empty: every tool',
  })
  @Each(TOOL_NAMES)
  mcpTools: string[] = [];

  @Setting({
    env: 'CYBERUN_MCP_KEY_TOOLS',
    meaning:
      'The only tools of the keys that begin with a text, of those that CYBERUN_MCP_TOOLS leaves: pairs of a beginning and a tool or a beginning with a `*`, separated by commas. A key has the tools of all pairs that fit it; one that none fits has every tool.',
    example: 'sk-Ab12Cd34E=list_*,sk-Ab12Cd34E=get_*',
    defaultText: 'empty: the same tools for every key',
    isSecret: true,
  })
  @Each(KEY_TOOL)
  mcpKeyTools: string[] = [];

  @Setting({
    env: 'CYBERUN_MODULES',
    meaning:
      'Nest modules with more tools, separated by commas: files by their path from the working directory, or packages installed there. Read in roles all and mcp; see docs/extending.md.',
    example: './glossary.js,@acme/cyberun-billing',
    defaultText: 'empty: none',
  })
  modules: string[] = [];

  @Setting({
    env: 'CYBERUN_MCP_REPLY_TOKENS',
    meaning:
      'Largest answer of a tool in tokens of a model, estimated at 2.5 bytes each; a larger one is cut at whole items or lines and says what is missing.',
    example: '8000',
  })
  @WholeNumber(1000, 20_000)
  mcpReplyTokens: number = 8000;

  @Setting({
    env: 'CYBERUN_OAUTH_FILE',
    meaning:
      'YAML file with the OAuth issuers whose access tokens are accepted beside keys, and the keys that stand for them, see docs/oauth.md; read again when it changes.',
    example: '/etc/cyberun/oauth.yaml',
    defaultText: 'empty: keys only',
  })
  @Optional()
  oauthFile?: string;

  @Setting({
    env: 'CYBERUN_MCP_BODY_LIMIT_BYTES',
    meaning: 'Largest JSON-RPC body that is read, in bytes.',
    example: '4194304',
  })
  @WholeNumber(1024, 268_435_456)
  mcpBodyLimitBytes: number = 4_194_304;

  @Setting({
    env: 'CYBERUN_METRICS_PORT',
    meaning:
      'Port of /metrics for Prometheus, on the address of CYBERUN_HTTP_HOST and without a key; 0 picks a free one and logs it.',
    example: '9464',
    defaultText: 'empty: off',
  })
  @Optional(WholeNumber(0, 65535))
  metricsPort?: number;

  @Setting({
    env: 'CYBERUN_AUDIT_LOG',
    meaning:
      'Where the audit goes, one line for every tool call and every write by the Runtime API: off, stdout, or the path of a file that lines are appended to and that SIGHUP opens anew.',
    example: '/var/log/cyberun/audit.jsonl',
  })
  @Is(AUDIT)
  audit: string = 'off';

  @Setting({
    env: 'CYBERUN_LOGGER_LEVEL',
    meaning: 'Least severe message that is logged: debug, info, warn or error.',
    example: 'info',
  })
  @IsIn(['debug', 'info', 'warn', 'error'])
  loggerLevel: 'debug' | 'info' | 'warn' | 'error' = 'info';

  @Setting({
    env: 'CYBERUN_LOGGER_FORMAT',
    meaning: 'Form of the log: text for people, json for machines.',
    example: 'json',
    defaultText: '`text` on a terminal, else `json`',
  })
  @IsIn(['text', 'json'])
  loggerFormat: 'text' | 'json' = process.stdout.isTTY ? 'text' : 'json';
}
