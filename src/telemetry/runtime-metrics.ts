import { counter, gauge, histogram } from './metric.js';

/** From a tenth of a second to a day. */
const TASK_BUCKETS = [0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 1800, 3600, 14_400, 86_400];
const LABELS =
  'labels of the workflow, sorted, with commas between; `none` without labels, `_OTHER` beyond 100 sets';

/** Of the tasks of the embedded runtime, in the roles `all` and `runtime`. */
export const TASKS = {
  tasksOpen: gauge('cyberun.tasks.open', {
    unit: '{task}',
    description: 'Tasks that have not ended',
    labels: { labels: LABELS, state: '`pending`, `waiting` (no agent can run it), `queued` or `running`' },
    isShared: true,
  }),
  tasksOldest: gauge('cyberun.tasks.oldest.wait', {
    unit: 's',
    description: 'How long the oldest task that has never run has been waiting',
    labels: { labels: LABELS },
    isShared: true,
  }),
  tasksSubmitted: counter('cyberun.tasks.submitted', {
    unit: '{task}',
    description: 'Tasks accepted',
    labels: { labels: LABELS },
  }),
  tasksEnded: counter('cyberun.tasks.ended', {
    unit: '{task}',
    description: 'Tasks that have ended',
    labels: { labels: LABELS, state: '`completed`, `failed` or `cancelled`' },
  }),
  queueDuration: histogram('cyberun.task.queue.duration', {
    unit: 's',
    description: 'Time from the submission of a task to the start of its first run',
    buckets: TASK_BUCKETS,
    labels: { labels: LABELS },
  }),
  runDuration: histogram('cyberun.run.duration', {
    unit: 's',
    description: 'Time from the start of a run to its end',
    buckets: TASK_BUCKETS,
    labels: { labels: LABELS, outcome: '`completed`, `failed`, `interrupted` or `returned`' },
  }),
  runsRetried: counter('cyberun.runs.retried', {
    unit: '{run}',
    description: 'Runs that failed and are repeated, because `max_retries` allows it',
    labels: { labels: LABELS },
  }),
  runsInterrupted: counter('cyberun.runs.interrupted', {
    unit: '{run}',
    description: 'Runs whose agent or server was lost',
    labels: { labels: LABELS },
  }),
  runsReturned: counter('cyberun.runs.returned', {
    unit: '{run}',
    description: 'Runs that their agent gave back, because it ended',
    labels: { labels: LABELS },
  }),
} as const;

/** Of agents and services, in the roles `all` and `runtime`. */
export const AGENTS = {
  agents: gauge('cyberun.agents', {
    unit: '{agent}',
    description: 'Agents that are connected to this process',
    labels: { state: '`connected` or `draining`' },
  }),
  slots: gauge('cyberun.agents.slots', {
    unit: '{slot}',
    description: 'Slots of the agents that are connected to this process',
    labels: { state: '`used`; `free` of agents that do not drain' },
  }),
  serviceReplicas: gauge('cyberun.services.replicas', {
    unit: '{replica}',
    description: 'Replicas of container services',
    labels: { service: 'slug of the service; `_OTHER` beyond 100', state: '`wanted`, `running` or `failed`' },
    isShared: true,
  }),
} as const;

/** Of the database and the data folder, in the roles `all` and `runtime`. */
export const DATABASE = {
  databaseUp: gauge('cyberun.database.up', { unit: '', description: '1 while the database answers, else 0' }),
  connectionCount: gauge('db.client.connection.count', {
    unit: '{connection}',
    description: 'Connections to PostgreSQL; missing with PGlite, as the next two are',
    labels: {
      'db.client.connection.state': '`used` or `idle`',
      'db.client.connection.pool.name': '`cyberun`',
    },
  }),
  connectionMax: gauge('db.client.connection.max', {
    unit: '{connection}',
    description: 'The most connections this process opens',
    labels: { 'db.client.connection.pool.name': '`cyberun`' },
  }),
  connectionPending: gauge('db.client.connection.pending_requests', {
    unit: '{request}',
    description: 'Statements that wait for a connection',
    labels: { 'db.client.connection.pool.name': '`cyberun`' },
  }),
  filesystemUsage: gauge('system.filesystem.usage', {
    unit: 'By',
    description: 'The file system of `CYBERUN_DATA_DIR`',
    labels: { 'system.filesystem.state': '`used` or `free`' },
  }),
} as const;
