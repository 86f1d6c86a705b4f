import { createInterface } from 'node:readline/promises';
import { text as readText } from 'node:stream/consumers';
import { Writable } from 'node:stream';

import { workflowList } from '../../contract/index.js';
import { ApiClient, permissionsIn } from './api-client.js';
import { CommandError } from './command-error.js';
import { loginPath, removeLogin, writeLogin } from './login-file.js';
import { note, printJson, type PrintOptions } from './printing.js';
import { apiUrl, checkedKey, DEFAULT_URL } from './server-address.js';

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

export interface LoginOptions extends PrintOptions {
  readonly url?: string;
}

/** `login`: asks for address and key, tries them, and keeps them in a file that only this user can read. */
export async function loginCommand({ url: given, json: isJson }: LoginOptions): Promise<void> {
  const url = await wantedUrl(given);
  const key = checkedKey(await askKey(url), 'This');
  if (new URL(url).protocol === 'http:' && !LOOPBACK.test(new URL(url).hostname))
    note(`Warning: ${url} has no TLS, so others on the way can read the key.`);
  const api = new ApiClient({ url, key, keyFrom: 'this login' });
  const { headers } = await api.send({ path: ['r', 'workflows'], query: { per_page: 1 } }, workflowList);
  await writeLogin({ url, key });
  const permissions = permissionsIn(headers);
  if (isJson) printJson({ url, file: loginPath(), permissions });
  else note(`Signed in at ${url}; kept in ${loginPath()}, which only this user can read.`);
  for (const name of ['CYBERUN_URL', 'CYBERUN_API_KEY'])
    if (process.env[name]?.trim()) note(`${name} is set and wins over this login.`);
}

/** `logout`: the key itself stays valid. */
export async function logoutCommand({ json: isJson }: PrintOptions): Promise<void> {
  const wasThere = await removeLogin();
  if (isJson) return printJson({ file: loginPath(), was_signed_in: wasThere });
  note(
    wasThere ? `${loginPath()} is removed. The key stays valid until it is revoked.` : 'There was no login.',
  );
}

async function wantedUrl(given: string | undefined): Promise<string> {
  if (given !== undefined) return apiUrl(given, '--url');
  const variable = process.env['CYBERUN_URL']?.trim();
  if (variable) return apiUrl(variable, 'CYBERUN_URL');
  if (!process.stdin.isTTY) return apiUrl(DEFAULT_URL, 'the address');
  const asked = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return apiUrl(
      (await asked.question(`Address of the server [${DEFAULT_URL}]: `)).trim() || DEFAULT_URL,
      'This',
    );
  } finally {
    asked.close();
  }
}

/** From standard input: an argument would be in the history of the shell, and in the list of processes. */
async function askKey(url: string): Promise<string> {
  if (!process.stdin.isTTY) {
    const key = (await readText(process.stdin)).trim();
    if (key !== '') return key;
    throw new CommandError(
      'Standard input has no key. Example: cyberun-mcp login --url https://cyberun.example.com < key.txt',
    );
  }
  process.stderr.write(`Integration key (sk-…) for ${url}, not shown: `);
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() });
  const asked = createInterface({ input: process.stdin, output: unseen, terminal: true, historySize: 0 });
  try {
    const interrupted = new Promise<never>((_resolve, reject) => {
      asked.on('SIGINT', () => reject(new CommandError('Nothing is changed.', 130)));
    });
    return await Promise.race([asked.question(''), interrupted]);
  } finally {
    asked.close();
    process.stderr.write('\n');
  }
}
