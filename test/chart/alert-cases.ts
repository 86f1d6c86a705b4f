/** Series and their values, one every 30 seconds from the beginning, in the notation of promtool. */
type Series = Readonly<Record<string, string>>;

interface AlertCase {
  /** Minutes after which it is looked at. */
  readonly after: number;
  readonly firing: Series;
  readonly quiet: Series;
}

const HOUR = 120;
const always = (value: number): string => `${value}x${2 * HOUR}`;
/** A counter that grows by this much every 30 seconds. */
const growing = (by: number): string => `0+${by}x${2 * HOUR}`;

const OF = 'namespace="team",job="mcp",instance="one"';
const of = (labels: string): string => `{${OF}${labels && ','}${labels}}`;
const BUILD = { [`cyberun_build_info${of('version="1",role="all"')}`]: always(1) };
const operations = (labels: string): string =>
  `mcp_server_operation_duration_seconds_count${of(`mcp_method_name="tools/call"${labels}`)}`;
const bucket = (tool: string, le: string): string =>
  `mcp_server_operation_duration_seconds_bucket${of(`mcp_method_name="tools/call",gen_ai_tool_name="${tool}",le="${le}"`)}`;
const upstream = (labels: string): string =>
  `http_client_request_duration_seconds_count${of(`cyberun_operation="list tasks"${labels}`)}`;
const disk = (state: string): string =>
  `system_filesystem_usage_bytes${of(`system_filesystem_state="${state}"`)}`;
const gauge = (
  name: string,
  firing: number,
  quiet: number,
  labels = '',
): Pick<AlertCase, 'firing' | 'quiet'> => ({
  firing: { ...BUILD, [`${name}${of(labels)}`]: always(firing) },
  quiet: { ...BUILD, [`${name}${of(labels)}`]: always(quiet) },
});

/** For each alert: what makes it fire, and what is almost the same and does not. */
export const ALERT_CASES: Readonly<Record<string, AlertCase>> = {
  CyberunNoReplicaReady: {
    after: 40,
    // All of one role are gone after ten minutes; those of the other role, in the same job, are ready.
    firing: {
      [`cyberun_ready${of('role="mcp"')}`]: `1x20 stale`,
      'cyberun_ready{namespace="team",job="mcp",instance="two",role="runtime"}': always(1),
    },
    quiet: {
      [`cyberun_ready${of('role="mcp"')}`]: '1x20 stale',
      'cyberun_ready{namespace="team",job="mcp",instance="two",role="mcp"}': always(1),
      'cyberun_ready{namespace="team",job="mcp",instance="three",role="runtime"}': always(1),
    },
  },
  CyberunErrorRatioHigh: {
    after: 30,
    firing: {
      ...BUILD,
      [operations('')]: growing(20),
      [operations(',error_type="tool_error"')]: growing(10),
    },
    // Mistakes of callers.
    quiet: { ...BUILD, [operations('')]: growing(20), [operations(',error_type="-32602"')]: growing(20) },
  },
  CyberunLatencyHigh: {
    after: 30,
    firing: {
      ...BUILD,
      [bucket('list_tasks', '5')]: growing(0),
      [bucket('list_tasks', '10')]: growing(9),
      [bucket('list_tasks', '+Inf')]: growing(9),
    },
    // A tool that waits by its nature.
    quiet: {
      ...BUILD,
      [bucket('stream_task_events', '5')]: growing(0),
      [bucket('stream_task_events', '10')]: growing(9),
      [bucket('stream_task_events', '+Inf')]: growing(9),
      [bucket('list_tasks', '5')]: growing(9),
      [bucket('list_tasks', '+Inf')]: growing(9),
    },
  },
  CyberunRuntimeUnreachable: {
    after: 15,
    firing: { [upstream(',error_type="unreachable"')]: growing(9), [upstream('')]: growing(1) },
    quiet: { [upstream(',error_type="404"')]: growing(9), [upstream('')]: growing(1) },
  },
  CyberunRuntimeAnswersInvalid: {
    after: 15,
    firing: { [`cyberun_upstream_answers_invalid_total${of('cyberun_operation="list tasks"')}`]: growing(1) },
    quiet: { [`cyberun_upstream_answers_invalid_total${of('cyberun_operation="list tasks"')}`]: always(7) },
  },
  CyberunRefusalsBurst: {
    after: 30,
    firing: { [`cyberun_mcp_requests_refused_total${of('http_response_status_code="401"')}`]: growing(60) },
    quiet: { [`cyberun_mcp_requests_refused_total${of('http_response_status_code="401"')}`]: growing(15) },
  },
  CyberunStreamsNearLimit: {
    after: 15,
    firing: limited('cyberun_mcp_streams_open', 80, 'cyberun_mcp_requests_limit', 5),
    quiet: limited('cyberun_mcp_streams_open', 70, 'cyberun_mcp_requests_limit', 5),
  },
  CyberunConnectionsNearLimit: {
    after: 15,
    firing: limited('cyberun_http_connections_open', 85, 'cyberun_http_connections_limit'),
    quiet: limited('cyberun_http_connections_open', 75, 'cyberun_http_connections_limit'),
  },
  CyberunRedisAway: { after: 5, ...gauge('cyberun_redis_up', 0, 1) },
  CyberunQueueWaitLong: {
    after: 15,
    ...gauge('cyberun_tasks_oldest_wait_seconds', 1000, 600, 'labels="gpu"'),
  },
  CyberunNoAgentForLabels: {
    after: 30,
    firing: { [`cyberun_tasks_open${of('labels="gpu",state="waiting"')}`]: always(3) },
    quiet: { [`cyberun_tasks_open${of('labels="gpu",state="pending"')}`]: always(3) },
  },
  CyberunAgentsGone: {
    after: 50,
    firing: { [`cyberun_agents${of('state="connected"')}`]: '10x60 4x60' },
    quiet: { [`cyberun_agents${of('state="connected"')}`]: '10x60 6x60' },
  },
  CyberunInterruptionsRising: {
    after: 20,
    firing: { [`cyberun_runs_interrupted_total${of('labels="gpu"')}`]: growing(1) },
    quiet: { [`cyberun_runs_interrupted_total${of('labels="gpu"')}`]: `0x20 3x20` },
  },
  CyberunServiceReplicasFailed: {
    after: 30,
    ...gauge('cyberun_services_replicas', 1, 0, 'service="notes",state="failed"'),
  },
  CyberunDatabaseAway: { after: 5, ...gauge('cyberun_database_up', 0, 1) },
  CyberunDatabasePoolExhausted: {
    after: 15,
    firing: {
      [`db_client_connection_pending_requests${of('db_client_connection_pool_name="cyberun"')}`]: always(4),
    },
    // For a moment, again and again.
    quiet: {
      [`db_client_connection_pending_requests${of('db_client_connection_pool_name="cyberun"')}`]: `4 4 0 4 4 0 4 4 0 4 4 0 4 4 0 4 4 0 4 4 0 4 4 0 4 4 0 4 4 0 4 4 0`,
    },
  },
  CyberunDiskAlmostFull: {
    after: 30,
    firing: { ...BUILD, [disk('free')]: always(9), [disk('used')]: always(91) },
    quiet: { ...BUILD, [disk('free')]: always(15), [disk('used')]: always(85) },
  },
  CyberunEventLoopLag: { after: 15, ...gauge('nodejs_eventloop_delay_p99_seconds', 0.5, 0.1) },
  CyberunHeapAlmostFull: {
    after: 30,
    firing: {
      ...BUILD,
      [`v8js_memory_heap_used_bytes${of('v8js_heap_space_name="old_space"')}`]: always(950),
      [`cyberun_heap_limit_bytes${of('')}`]: always(1000),
    },
    quiet: {
      ...BUILD,
      [`v8js_memory_heap_used_bytes${of('v8js_heap_space_name="old_space"')}`]: always(850),
      [`cyberun_heap_limit_bytes${of('')}`]: always(1000),
    },
  },
  CyberunAuditLinesLost: {
    after: 15,
    firing: { [`cyberun_audit_lines_lost_total${of('')}`]: growing(1) },
    quiet: { [`cyberun_audit_lines_lost_total${of('')}`]: always(7) },
  },
};

function limited(name: string, value: number, limit: string, calls?: number): Series {
  return {
    [`${name}${of('')}`]: always(value),
    ...(calls !== undefined && { [`cyberun_mcp_calls_in_progress${of('')}`]: always(calls) }),
    [`${limit}${of('')}`]: always(100),
  };
}
