// Programs that are run to their end while other things go on, as calls under load.
import { spawn } from 'node:child_process';

const SHOWN_LINES = 15;

/**
 * Runs a program; what it prints.
 *
 * @throws {Error} with the last lines of its output, when it fails or takes too long.
 */
export async function run(program, args, { input, env = process.env, cwd, seconds = 600, logTo } = {}) {
  const child = spawn(program, args, {
    env,
    cwd,
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  const limit = setTimeout(() => child.kill('SIGKILL'), seconds * 1000);
  const output = { stdout: '', all: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output.stdout += text;
    output.all += text;
    logTo?.write(text);
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    output.all += text;
    logTo?.write(text);
  });
  child.stdin?.end(input);
  const code = await new Promise((resolve, reject) => {
    child.once('error', (cause) =>
      reject(new Error(`${program} cannot be run: ${cause.message}`, { cause })),
    );
    child.once('close', (status, signal) => resolve(status ?? signal));
  }).finally(() => clearTimeout(limit));
  if (code === 0) return output.stdout.trim();
  const last = output.all.trim().split('\n').slice(-SHOWN_LINES).join('\n');
  throw new Error(`${[program, ...args].join(' ').slice(0, 200)} ended with ${code}:\n${last}`);
}

/** Whether a program ends well; its output is not wanted. */
export const succeeds = (program, args, options) =>
  run(program, args, options).then(
    () => true,
    () => false,
  );

/** Asks again until the answer is there. @throws {Error} after the limit, with what was waited for. */
export async function until(what, ask, { seconds = 120, pauseMs = 500 } = {}) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`${what}: not within ${seconds} seconds`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** Ends a step with a sentence unless something is as it must be. */
export function check(isRight, sentence) {
  if (!isRight) throw new Error(sentence);
}
