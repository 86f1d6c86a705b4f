import { counter, gauge, histogram } from './metric.js';

/** Proposed by OpenTelemetry for MCP. */
const OPERATION_BUCKETS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];
/** Proposed by OpenTelemetry for HTTP. */
const HTTP_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** Of the MCP endpoint, in the roles `all` and `mcp`. */
export const ENDPOINT = {
  operationDuration: histogram('mcp.server.operation.duration', {
    unit: 's',
    description:
      'Time from the arrival of a request or notification to its answer. Requests that are refused before their method is known are not in it',
    buckets: OPERATION_BUCKETS,
    labels: {
      'mcp.method.name': 'method; `_OTHER` for one that MCP does not have',
      'gen_ai.tool.name': 'the tool that ran, for `tools/call`; `_OTHER` beyond 200 tools',
      'error.type':
        'only of those that failed: code of the JSON-RPC error, `tool_error` for a result with `isError`, `cancelled` or `abandoned` for a call that its client has given up',
      'mcp.protocol.version': 'revision',
    },
  }),
  requestsRefused: counter('cyberun.mcp.requests.refused', {
    unit: '{request}',
    description: 'Requests answered with an error before their method was called',
    labels: { 'http.response.status_code': 'status of the answer' },
  }),
  boundsExceeded: counter('cyberun.mcp.bounds.exceeded', {
    unit: '{request}',
    description: 'Requests over a bound',
    labels: { bound: 'the bound, see [Bounds](operations.md#bounds)' },
  }),
  callsInProgress: gauge('cyberun.mcp.calls.in_progress', {
    unit: '{request}',
    description: 'Requests being answered',
  }),
  streamsOpen: gauge('cyberun.mcp.streams.open', {
    unit: '{stream}',
    description: 'Standalone streams, resumed streams and subscriptions',
  }),
  requestsLimit: gauge('cyberun.mcp.requests.limit', {
    unit: '{request}',
    description: 'How many requests and streams together this process admits',
  }),
  sessionsOpen: gauge('cyberun.mcp.sessions.open', {
    unit: '{session}',
    description: 'Sessions of 2025-era clients; missing with Redis, where they belong to no process',
  }),
  redisUp: gauge('cyberun.redis.up', {
    unit: '',
    description: '1 while Redis answers, else 0; missing without Redis',
  }),
} as const;

/** Of the requests to the Runtime API, in the roles `all` and `mcp`. */
export const UPSTREAM = {
  requestDuration: histogram('http.client.request.duration', {
    unit: 's',
    description: 'Time of a request to the Runtime API; of a stream, until its headers have arrived',
    buckets: HTTP_BUCKETS,
    labels: {
      'cyberun.operation': 'what the runtime is asked to do, in words',
      'http.request.method': '`GET` or `POST`',
      'http.response.status_code': 'status, where there was an answer',
      'error.type':
        'only of those that failed: the status, `timeout`, `unreachable`, `cancelled`, or `invalid` for an answer that is too large',
      'server.address': 'host of the Runtime API',
      'server.port': 'its port',
    },
  }),
  answersInvalid: counter('cyberun.upstream.answers.invalid', {
    unit: '{answer}',
    description: 'Answers of the Runtime API that are not what its contract says',
    labels: { 'cyberun.operation': 'as above' },
  }),
} as const;

/** Of the connections, in every role that serves HTTP. */
export const CONNECTIONS = {
  connectionsOpen: gauge('cyberun.http.connections.open', {
    unit: '{connection}',
    description: 'Connections of clients',
  }),
  connectionsLimit: gauge('cyberun.http.connections.limit', {
    unit: '{connection}',
    description: 'How many connections this process keeps',
  }),
  requestsLimited: counter('cyberun.http.requests.limited', {
    unit: '{request}',
    description: 'Requests to the MCP endpoint and the REST API that were refused because of a rate',
    labels: { limit: '`rate_per_address`, `rate_per_key` or `failed_keys_per_address`' },
  }),
  connectionsCut: counter('cyberun.http.connections.cut', {
    unit: '{connection}',
    description: 'Connections this server has cut',
    labels: { reason: 'why, see [Bounds](operations.md#bounds)' },
  }),
} as const;
