import { expect, it } from 'vitest';

import { notRunning, type RunningService, whyNotRunning } from './service-state.js';

const NO_AGENT = 'no connected agent has the labels gpu';

/** A service whose only replica has failed so often. */
const failing = (failures_in_a_row: number, log_lines: readonly string[] = ['no model']) =>
  ({
    definition: { slug: 'search', required_labels: [] },
    replicas: [
      {
        status: 'failed',
        isStopping: false,
        history: {
          failure: { reason: 'exit code 7', exit_code: 7, log_lines, failed_at: '2026-11-28T10:00:00.000Z' },
          failures_in_a_row,
        },
      },
    ],
  }) as object as RunningService;

it('a service that has failed a single time is to be called again once it runs', () => {
  const error = notRunning(failing(1), undefined);
  expect(error.getResponse()).toMatchObject({
    message:
      'Service "search" takes no calls now, since it is failed: it has failed once, at 2026-11-28T10:00:00.000Z: exit code 7; it is restarted automatically. last_failure.log_lines has the end of its log. Call again once service_status is running.',
    retry_after_seconds: 5,
    last_failure: { exit_code: 7, failures_in_a_row: 1 },
  });
});

it('a service that fails again and again is not to be called before it was corrected', () => {
  const response = notRunning(failing(3, []), undefined).getResponse() as Record<string, unknown>;
  expect(response['message']).toMatch(
    /it has failed 3 times in a row, last at .*; it is restarted automatically, but fails again until the cause is corrected\. It wrote no log\. Do not repeat the call before it was corrected\.$/,
  );
  expect(response).not.toHaveProperty('retry_after_seconds');
});

it('a service without an agent for it says so before it names failures', () => {
  expect(whyNotRunning(failing(3), NO_AGENT)).toMatch(/it starts when one connects$/);
  const response = notRunning(failing(1), NO_AGENT).getResponse() as Record<string, unknown>;
  expect(response['message']).toMatch(/Do not repeat the call before service_status is running\.$/);
  expect(response).not.toHaveProperty('retry_after_seconds');
});

it('a service that is being started says what it waits for, beside its last failure', () => {
  const waits_for = 'no node can take its pod: 0/3 nodes are available';
  const [replica] = failing(1).replicas;
  const waiting = (history: object) =>
    ({ ...failing(1), replicas: [{ ...replica, status: 'deploying', history }] }) as RunningService;
  expect(whyNotRunning(waiting({ waits_for, failures_in_a_row: 0 }), undefined)).toBe(
    `it is being started: ${waits_for}`,
  );
  expect(whyNotRunning(waiting({ ...replica?.history, waits_for }), undefined)).toBe(
    `it has failed once, at 2026-11-28T10:00:00.000Z: exit code 7; it is restarted automatically, and waits now: ${waits_for}`,
  );
});
