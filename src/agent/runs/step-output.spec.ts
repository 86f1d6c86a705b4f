import { expect, it, vi } from 'vitest';

import { run, shell, script } from '../../../test/support/executed-run.js';

const errorOf = async (command: string, environment?: Record<string, unknown>): Promise<string> =>
  run([shell(command, [], environment)], { parameters: { name: 'parameter-value' } }).outcome.then(
    () => '',
    (error: Error) => error.message,
  );

it('the error of a step begins with its last line on stderr', async () => {
  expect(await errorOf('echo working; echo "no such model" >&2; exit 3')).toBe(
    'no such model\nStep work ended with exit code 3.\nThe end of its stdout:\nworking',
  );
});

it('the error of a step without stderr has the end of stdout, and one without output says so', async () => {
  expect(await errorOf('echo one; echo two; exit 3')).toBe(
    'Step work ended with exit code 3 and wrote nothing to stderr.\nThe end of its stdout:\none\ntwo',
  );
  expect(await errorOf('exit 4')).toBe('Step work ended with exit code 4 and wrote nothing to stderr.');
});

it.each([
  ['Python', 'Traceback (most recent call last):\n  File "a.py", line 1\nValueError: bad', 'ValueError: bad'],
  ['Go', 'panic: bad\n\ngoroutine 1 [running]:\nmain.main()\n\t/a.go:4 +0x18\nexit status 2', 'panic: bad'],
  [
    'Java',
    'Exception in thread "main" Bad: x\n\tat A.b(A.java:1)\nCaused by: Worse: y\n\tat C',
    'Caused by: Worse: y',
  ],
  ['Rust', "thread 'main' panicked at a.rs:1:\nbad\nnote: run with `RUST_BACKTRACE=1`", 'bad'],
])('the error of a step begins with the cause as %s writes it', async (_language, text, cause) => {
  const error = await errorOf(`cat >&2 <<'END'\n${text}\nEND\nexit 1`);
  expect(error).toBe(`${cause}\nStep work ended with exit code 1.\nThe end of its stderr:\n${text}`);
});

it('the error of a script begins with the message of the exception', async () => {
  await expect(run([script('throw new TypeError("no such file")')]).outcome).rejects.toThrow(
    /^TypeError: no such file\nStep work ended with exit code 1\.\nThe end of its stderr:\n/,
  );
});

it.each([
  ['on a machine', 0, 'the memory of the machine'],
  ['in a container with a limit', 512 * 2 ** 20, 'the memory that its container may have (512 MiB)'],
])('a step that was killed from outside %s says what the reason may be', async (_where, limit, memory) => {
  using _limit = vi.spyOn(process, 'constrainedMemory').mockReturnValue(limit);
  expect(await errorOf('kill -9 $$')).toBe(
    `Step work was ended by SIGKILL and wrote nothing to stderr. Something outside of the run has killed it; most often ${memory} was used up.`,
  );
});

it('an error and a log do not show secrets of the environment, and show values of parameters', async () => {
  const environment = { LOGIN: 'user:pa55word', TITLE: '${ .name }', API_TOKEN: '${ .name }' };
  expect(await errorOf('echo "$LOGIN" >&2; exit 1', environment)).toMatch(/^\[hidden\]\n/);
  expect(await errorOf('echo "$TITLE" >&2; exit 1', { TITLE: '${ .name }' })).toMatch(/^parameter-value\n/);
  expect(await errorOf('echo "$TITLE" >&2; exit 1', environment)).toMatch(/^\[hidden\]\n/);
});
