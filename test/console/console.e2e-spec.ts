import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Locator } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { packagePaths, readConfig } from '../../src/config/index.js';
import { openKeyAdministration } from '../../src/runtime/index.js';
import { ServerProcess } from '../support/server.js';
import { TestBrowser } from './browser.js';
import { TEST_WORKFLOWS } from './test-workflows.js';

const SCRIPT_BUDGET = 250 * 1024;

let server: ServerProcess;
let browser: TestBrowser;
let admin: string;
let workflows: string;

// One server and one browser for all; each test begins at a view of its own, signed in by the first.
beforeAll(async () => {
  workflows = mkdtempSync(join(tmpdir(), 'cyberun-console-'));
  cpSync(packagePaths.workflows, workflows, { recursive: true });
  for (const [name, text] of Object.entries(TEST_WORKFLOWS))
    writeFileSync(join(workflows, `${name}.yaml`), text);
  [server, browser] = await Promise.all([
    ServerProcess.start({ CYBERUN_WORKFLOWS_DIR: workflows, CYBERUN_MCP_TOOLSETS: 'logs,files' }),
    TestBrowser.start(),
  ]);
  await using keys = await openKeyAdministration(readConfig('runtime', { CYBERUN_DATA_DIR: server.dataDir }));
  const permissions = ['run', 'invoke', 'admin'];
  admin = (await keys.create({ kind: 'integration', display_name: 'console', permissions })).raw_key;
});
afterAll(async () => {
  await browser[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  rmSync(workflows, { recursive: true });
});

const origin = (): string => new URL(server.endpoint).origin;
const open = async (view: string): Promise<void> => {
  await browser.page.goto(`${origin()}/console/#/${view}`);
};
const button = (name: string | RegExp) => browser.page.getByRole('button', { name });
const heading = (name: string) => browser.page.getByRole('heading', { level: 1, name });
const each = (selector: string, property: string): Promise<string[]> =>
  browser.page.evaluate(
    `[...document.querySelectorAll(${JSON.stringify(selector)})].map((one) => one.${property})`,
  );
/** The URL that an install link has for its client. */
function urlInLink(link: string): unknown {
  const [start = '', text = ''] = link.split(/[?](.*)/s);
  const coded = start.startsWith('vscode:')
    ? decodeURIComponent(text)
    : atob(new URLSearchParams(text).get('config') ?? '');
  return (JSON.parse(coded) as { url: unknown }).url;
}
const status = () => browser.page.locator('main .badge-soft').first();

it('the page of the endpoint writes the chosen URL into every line and link, and copies it', async () => {
  const { page } = browser;
  await page.goto(server.endpoint);
  await heading('Cyberun').waitFor();
  await page.goto(origin());
  await browser.check('page');
  const snippets = page.locator('.copyable code');
  const linked = async (): Promise<unknown[]> => (await each('a[data-client]', 'href')).map(urlInLink);
  const count = await snippets.count();
  expect(count).toBeGreaterThan(7);
  expect(await linked()).toEqual([server.endpoint, server.endpoint]);
  const before = await snippets.allTextContents();
  const choice = page.getByRole('checkbox');
  await choice.nth(0).check();
  await choice.nth(1).check();
  const [first, second] = await each('input[type=checkbox]', 'value');
  const chosen = `${server.endpoint}?toolsets=${first},${second}`;
  expect(await snippets.allTextContents()).toEqual(
    before.map((text) => text.replaceAll(server.endpoint, chosen)),
  );
  expect(await linked()).toEqual([chosen, chosen]);

  await button('Copy the endpoint').click();
  await expect.poll(() => page.getByRole('status').textContent()).toBe('Copied.');
  expect(await page.evaluate<string>('navigator.clipboard.readText()')).toBe(chosen);
  // As at an address without https.
  await page.evaluate('Object.defineProperty(navigator, "clipboard", { value: undefined })');
  await button('Copy the lines for Claude Code').click();
  await expect.poll(() => page.getByRole('status').textContent()).toContain('Press Ctrl-C to copy it');
  expect(await page.evaluate<string>('String(getSelection())')).toContain(`"${chosen}"`);
  await choice.nth(0).uncheck();
  await choice.nth(1).uncheck();
  expect(await snippets.allTextContents()).toEqual(before);
  expect(browser.complaints).toEqual([]);
  await page.getByRole('link', { name: 'open the console' }).click();
  await heading('Sign in').waitFor();
});

it('a person signs in with a key, and no script can read the key afterwards', async () => {
  const { page } = browser;
  await page.goto(`${origin()}/console`);
  await browser.check('sign-in');
  await page.getByLabel('Key').fill('sk-unknown-0123456789abc');
  await button('Sign in').click();
  await expect.poll(() => page.getByRole('alert').textContent()).toContain('not a valid integration key');
  // The browser says so as well.
  expect(browser.complaints.splice(0).every((text) => text.includes('401'))).toBe(true);

  await page.getByLabel('Key').fill(server.key);
  await page.keyboard.press('Enter');
  await heading('Tasks').waitFor();
  await page.getByText('There are no tasks yet.').waitFor();
  const kept = await page.evaluate<string[]>(
    '[document.cookie, JSON.stringify([localStorage, sessionStorage]), location.href, document.documentElement.outerHTML]',
  );
  expect(kept.join(' ')).not.toContain(server.key);
  const [cookie] = await browser.context.cookies(`${origin()}/api/v1/r/tasks`);
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict' });
});

it('a person runs the Mandelbrot workflow, watches it, and sees the picture', async () => {
  const { page } = browser;
  await open('workflows');
  await page.getByRole('link', { name: /Mandelbrot picture/ }).waitFor();
  await browser.check('workflows');
  await page.getByRole('link', { name: /Mandelbrot picture/ }).click();
  await page.getByLabel('Size').fill('12000');
  await page.getByLabel('Palette').selectOption({ label: 'fire' });
  await button('Run').click();
  await expect.poll(() => page.getByRole('alert').textContent()).toContain('2048');
  await page.getByLabel('Size').fill('700');
  await page.getByLabel('Size').blur();
  await browser.check('form');
  await button('Run').click();
  await heading('mandelbrot').waitFor();
  await page.getByRole('progressbar', { name: 'Progress' }).waitFor();
  await browser.check('running');
  const picture = page.getByRole('img', { name: 'mandelbrot.png' });
  await picture.waitFor();
  await expect.poll(async () => await each('img[alt="mandelbrot.png"]', 'naturalWidth')).toEqual([700]);
  expect(await status().textContent()).toBe('completed');
  const states = await page.locator('ol .font-medium').allTextContents();
  expect([states[0], ...states.slice(-2)]).toEqual(['pending', 'running', 'completed']);
  await browser.check('finished');
});

it('the log of a running task follows its end, and the task can be cancelled and run again', async () => {
  const { page } = browser;
  await open('workflows/talker');
  await page.getByLabel('word').fill('again');
  await button('Run').click();
  const log = page.getByRole('log');
  // More lines than fit: the last one is seen only if the view follows.
  await expect.poll(() => log.textContent()).toContain('written line 25');
  const fromEnd = 'document.querySelector("[role=log]")';
  const distance = `${fromEnd}.scrollHeight - ${fromEnd}.scrollTop - ${fromEnd}.clientHeight`;
  await expect.poll(() => page.evaluate<number>(distance)).toBeLessThan(40);
  await button('Cancel').click();
  await expect.poll(() => status().textContent()).toBe('cancelled');
  await page.getByRole('link', { name: 'Run again' }).click();
  await heading('Talker').waitFor();
  await expect.poll(() => page.getByLabel('word').inputValue()).toBe('again');
});

it('a person drops a file on the form, and sees what text-statistics made of it', async () => {
  const { page } = browser;
  await open('workflows/text-statistics');
  await button('Run').click();
  await expect.poll(() => page.getByRole('alert').textContent()).toContain('Give a value');
  const transfer = await page.evaluateHandle(`
    const dropped = new DataTransfer();
    dropped.items.add(new File(['Many words make a text. Many texts make a book.'], 'words.txt', { type: 'text/plain' }));
    dropped;
  `);
  await page.locator('label:has(input[type=file])').dispatchEvent('drop', { dataTransfer: transfer });
  await page.getByText('words.txt · 47 B · uploaded').waitFor();
  await button('Run').click();
  await page.getByRole('img', { name: 'chart.svg' }).waitFor();
  await page.getByText('unique_words').first().waitFor();
  await browser.check('text-statistics');
});

it('outputs are shown as what they are, and nothing in them is active', async () => {
  const { page } = browser;
  const requests: string[] = [];
  page.on('request', (request) => requests.push(request.url()));
  await open('workflows/hostile');
  await button('Run').click();
  const shown = (name: string) => page.getByRole('region', { name: `Content of ${name}` });
  const markdown = shown('evil.md');
  await markdown.getByRole('heading', { name: 'A report' }).waitFor();
  expect(
    await markdown.locator('script, img, form, input, iframe, svg, style, link, [style], [onerror]').count(),
  ).toBe(0);
  const links = await each('[aria-label="Content of evil.md"] a', 'outerHTML');
  expect(links).toHaveLength(2);
  expect(links.join(' ')).not.toContain('javascript:');
  expect(links.join(' ')).toContain('rel="noopener noreferrer"');

  const cells = shown('table.csv').locator('td');
  await expect.poll(() => cells.allTextContents()).toEqual(['a, b', 'said "yes"', 'two\nlines', '3']);
  expect(await shown('table.tsv').locator('td').allTextContents()).toEqual(['x, y', '<b>z</b>']);
  await shown('long.csv').getByText('These are the first 200 rows').waitFor();
  expect(await shown('long.csv').locator('tbody tr').count()).toBe(200);
  const tree = shown('tree.json');
  await tree.getByText('"<img src=x onerror=alert(1)>"').waitFor();
  // Deeper than a stack: what is closed is not drawn.
  await shown('deep.json').getByText('[1]').first().waitFor();
  await shown('page.html').getByText('<script>document.title = "pwned"</script>').waitFor();
  const large = shown('large.txt');
  await large.getByText('These are the first 524.3 kB. The download has all of it.').waitFor();
  expect((await large.locator('pre').textContent())?.length).toBe(512 * 1024);
  await page.getByRole('link', { name: 'Download large.txt' }).waitFor();

  await expect
    .poll(() => page.evaluate<unknown>('document.querySelector("img[alt=\'evil.svg\']").naturalWidth'))
    .toBe(40);
  expect(await page.evaluate<unknown>('[document.title, window.pwned, window.length]')).toEqual([
    'hostile · Cyberun',
    undefined,
    0,
  ]);
  expect(requests.filter((url) => !url.startsWith(origin()))).toEqual([]);
  // Chromium reports what its policy would refuse in the document in which the Markdown is cleaned.
  const inline = /^(?:Executing inline event handler|Applying inline style) violates/;
  expect(browser.complaints.splice(0).filter((text) => !inline.test(text))).toEqual([]);
  await browser.check('outputs');
});

async function tabTo(name: string | RegExp, role: 'button' | 'link' | 'textbox'): Promise<void> {
  const wanted = browser.page.getByRole(role, { name }).first();
  await wanted.waitFor();
  await tabToElement(wanted, String(name));
}

/** Presses Tab until an element has the focus. */
async function tabToElement(wanted: Locator, name: string): Promise<void> {
  for (let presses = 0; presses < 60; presses += 1) {
    if ((await wanted.and(browser.page.locator(':focus')).count()) > 0) return;
    await browser.page.keyboard.press('Tab');
  }
  expect.fail(`Tab does not reach ${name}`);
}
const press = (key: string): Promise<void> => browser.page.keyboard.press(key);
const focused = (): Promise<unknown> => browser.page.evaluate('document.activeElement.textContent');

it('the keyboard alone is enough to run a workflow, and to cancel it', async () => {
  const { page } = browser;
  await open('tasks');
  await heading('Tasks').waitFor();
  await tabTo('Sign out', 'button');
  await press('Enter');
  await tabTo('Key', 'textbox');
  await page.keyboard.type(admin);
  await tabTo('Sign in', 'button');
  await press('Space');
  await heading('Tasks').waitFor();
  await tabTo('Workflows', 'link');
  await press('Enter');
  await tabTo(/Talker/, 'link');
  await press('Enter');
  await tabTo('word', 'textbox');
  await page.keyboard.type(' typed');
  await tabTo('Run', 'button');
  await press('Space');
  await heading('talker').waitFor();
  await tabTo('Cancel', 'button');
  await press('Enter');
  await expect.poll(() => status().textContent()).toBe('cancelled');
  await page.getByText('"line typed"').or(page.getByText('" typed"')).first().waitFor();
});

it('a file is chosen and uploaded with the keyboard alone', async () => {
  const { page } = browser;
  await open('workflows/text-statistics');
  const field = page.locator('input[type=file]');
  await field.waitFor({ state: 'attached' });
  await tabToElement(field, 'the field of the file');
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), press('Space')]);
  await chooser.setFiles({
    name: 'typed.txt',
    mimeType: 'text/plain',
    buffer: Buffer.from('three short words'),
  });
  await expect.poll(() => page.getByText(/^typed\.txt/).textContent()).toBe('typed.txt · 17 B · uploaded');
});

it('a dialog keeps the focus, Escape closes it, and the focus returns to where it was', async () => {
  const { page } = browser;
  await open('keys');
  await tabTo('New key', 'button');
  await press('Enter');
  await page.getByRole('dialog').waitFor();
  for (let presses = 0; presses < 12; presses += 1) {
    await press('Tab');
    const outside = 'document.activeElement !== document.body && !document.activeElement.closest("dialog")';
    expect(await page.evaluate(outside)).toBe(false);
  }
  await press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await expect.poll(focused).toBe('New key');
  await tabTo(/^Revoke /, 'button');
  await press('Space');
  await tabTo('Keep it', 'button');
  await press('Enter');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await expect.poll(focused).toBe('Revoke');
  await button('Sign out').click();
  await page.getByLabel('Key').fill(server.key);
  await button('Sign in').click();
  await heading('Tasks').or(heading('Keys')).waitFor();
});

it('the list of tasks shows each state and is filtered by it', async () => {
  const { page } = browser;
  await open('tasks');
  const rows = page.getByRole('list', { name: 'Tasks' }).getByRole('listitem');
  await expect.poll(() => rows.count()).toBe(5);
  await browser.check('tasks');
  await button('cancelled').click();
  await expect.poll(() => rows.count()).toBe(2);
  expect(page.url()).toContain('status=cancelled');
  await button('failed').click();
  await expect.poll(() => rows.count()).toBe(2);
  await button('cancelled').click();
  await page.getByText('No task fits these filters.').waitFor();
});

it('services answer requests made by hand, and agents show their slots', async () => {
  const { page } = browser;
  await open('services/notes');
  await expect.poll(() => status().textContent()).toBe('running');
  await page.getByLabel('Method').selectOption('POST');
  await page.getByLabel('Path').fill('/notes');
  await page.getByLabel('Body', { exact: true }).fill('{"title":"from the console"}');
  await button('Send').click();
  await page.getByText('201').waitFor();
  await page.getByText('"from the console"').waitFor();
  await browser.check('service');
  await open('agents');
  await page.getByText(/0 of \d+/).waitFor();
  await browser.check('agents');
});

it('a key with the permission admin makes a key, sees it once, and revokes it', async () => {
  const { page } = browser;
  await open('keys');
  await page.getByText('This key may not manage keys.').waitFor();
  await button('Sign out').click();
  await page.getByLabel('Key').fill(admin);
  await button('Sign in').click();
  await button('New key').click();
  await page.getByLabel('Name').fill('a colleague');
  await page.getByLabel('Call services').uncheck();
  await browser.check('new-key');
  await button('Make the key').click();
  const made = (await page.getByText(/^sk-[\w-]{20,}$/).textContent()) ?? '';
  const asks = (key: string) =>
    fetch(`${server.api}/r/tasks`, { headers: { authorization: `Bearer ${key}` } }).then(
      (answer) => answer.status,
    );
  expect(await asks(made)).toBe(200);
  await button('Done').click();
  await browser.check('keys');
  await button('Revoke a colleague').click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await page.getByText('revoked').waitFor();
  expect(await asks(made)).toBe(401);
});

it('the policy of the page refused nothing, and no script failed', () => {
  expect(browser.complaints).toEqual([]);
});

it('the page comes compressed with a strict policy, and its scripts are small', async () => {
  const page = await fetch(`${origin()}/console/`, { headers: { 'accept-encoding': 'identity' } });
  const policy = page.headers.get('content-security-policy') ?? '';
  expect(policy).toContain("script-src 'self'; style-src 'self'");
  expect(policy).not.toContain('unsafe');
  expect(page.headers.get('cache-control')).toBe('no-cache');
  const html = await page.text();
  const scripts = [...html.matchAll(/(?:src|href)="\.\/(assets\/[^"]+\.js)"/g)].map(([, path = '']) => path);
  expect(scripts.length).toBeGreaterThan(0);
  const sizes = scripts.map((path) => statSync(join(packagePaths.web, path)).size);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(SCRIPT_BUDGET);
  for (const coding of ['br', 'gzip']) {
    const script = await fetch(`${origin()}/console/${scripts[0]}`, {
      headers: { 'accept-encoding': coding },
    });
    expect(script.headers.get('content-encoding')).toBe(coding);
    expect(script.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    expect(script.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(await script.text()).toBe(readFileSync(join(packagePaths.web, scripts[0] ?? ''), 'utf8'));
  }
  const built = readdirSync(join(packagePaths.web, 'assets'));
  expect(built.filter((name) => name.endsWith('.map'))).toEqual([]);
});
