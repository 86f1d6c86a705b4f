import { createInterface } from 'node:readline/promises';

import { CommandError } from '../client/command-error.js';
import { note } from '../client/printing.js';

/** Asks on a terminal; elsewhere only `--yes` agrees. */
export async function isAgreed({ yes }: { readonly yes?: true }): Promise<boolean> {
  if (yes) return true;
  if (!process.stdin.isTTY)
    throw new CommandError(
      'Nothing is changed: there is no terminal to ask on. Add --yes to agree to the change.',
    );
  const asked = createInterface({ input: process.stdin, output: process.stderr, historySize: 0 });
  try {
    // Ctrl-C and Ctrl-D are a no.
    const ended = new Promise<string>((resolve) => {
      asked.once('SIGINT', () => resolve(''));
      asked.once('close', () => resolve(''));
    });
    const answer = await Promise.race([asked.question('Write this? [y/N] '), ended]);
    if (/^y(es)?$/i.test(answer.trim())) return true;
  } finally {
    asked.close();
  }
  note('Nothing is changed.');
  process.exitCode = 1;
  return false;
}
