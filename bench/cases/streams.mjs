import { checkBudget, mebibytes, round } from '../budget.mjs';
import { disposable, startProduct } from '../peers.mjs';
import { ERAS, SESSIONS } from '../protocol.mjs';
import { quantile } from '../statistics.mjs';
import { TaskEvents } from './task-events.mjs';
import { Watchers } from './watchers.mjs';

const BUDGET_BYTES = 512 * 1_048_576;
const BUDGET_MS = 100;
/** All the memory the chart gives a pod, unless told otherwise. */
const POD_MEBIBYTES = 512;

/** Many calls of `stream_task_events` at once, each with progress on its own stream, until its task is completed. */
export async function streams({ sizes }) {
  const found = [];
  for (const era of ERAS) found.push(await measure(era, sizes));
  // Sessions need more, since their streams are kept for clients that come back.
  const inPod = await measure(SESSIONS, sizes, POD_MEBIBYTES);
  return {
    title: `${sizes.streams} concurrent stream_task_events, ${sizes.eventsPerStream} progress events each`,
    columns: [
      'revision',
      'opened in s',
      'events',
      'delay p50 ms',
      'p99 ms',
      'max ms',
      'events lost',
      'results',
      'peak RSS MiB',
    ],
    rows: [...found, inPod].map(row),
    budgets: [...found.flatMap((each) => budgets(each, sizes)), fits(inPod, sizes)],
    data: [...found, inPod],
  };
}

const row = ({ label, openMs, delays, lost, results, peak }) => [
  label,
  round(openMs / 1000),
  String(delays.count),
  round(delays.p50),
  round(delays.p99),
  round(delays.max),
  String(lost),
  String(results),
  mebibytes(peak),
];

const budgets = ({ label, delays, lost, results, peak }, { streams: count }) => [
  checkBudget(
    `${count} concurrent stream_task_events, ${label}: peak RSS`,
    '≤ 512 MiB',
    `${mebibytes(peak)} MiB`,
    peak <= BUDGET_BYTES,
  ),
  checkBudget(
    `${count} concurrent stream_task_events, ${label}: p99 delay of an event`,
    '≤ 100 ms',
    `${round(delays.p99)} ms`,
    delays.p99 <= BUDGET_MS,
  ),
  checkBudget(
    `${count} concurrent stream_task_events, ${label}: events and results lost`,
    'none',
    `${lost} events, ${count - results} results`,
    lost === 0 && results === count,
  ),
];

const fits = ({ label, lost, results, peak }, { streams: count }) =>
  checkBudget(
    `${count} concurrent stream_task_events, ${label}: fit`,
    `≤ ${POD_MEBIBYTES} MiB, none lost`,
    `${mebibytes(peak)} MiB, ${lost} events, ${count - results} results`,
    peak <= POD_MEBIBYTES * 1_048_576 && lost === 0 && results === count,
  );

async function measure(era, { streams: count, eventsPerStream, eventsPerSecond }, podMebibytes) {
  const events = new TaskEvents(count, eventsPerStream);
  const runtimeUrl = await events.listen();
  await using product = disposable(await startProduct(runtimeUrl, { podMebibytes }));
  const watchers = new Watchers(product.server.endpoint, era, events);
  const startedAt = performance.now();
  await watchers.open(count);
  const openMs = performance.now() - startedAt;
  await events.play(eventsPerSecond);
  await watchers.finished();
  const { peak } = product.server.residentMemory();
  await watchers.close();
  events.close();
  const { delays, results } = watchers;
  return {
    label: podMebibytes === undefined ? era : `${era}, in a pod of ${podMebibytes} MiB`,
    openMs,
    lost: count * eventsPerStream - delays.length,
    results,
    peak,
    delays: {
      count: delays.length,
      p50: quantile(delays, 0.5),
      p99: quantile(delays, 0.99),
      max: quantile(delays, 1),
    },
  };
}
