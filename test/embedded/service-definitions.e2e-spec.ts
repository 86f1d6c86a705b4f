import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { packBundle } from '../../src/runtime/bundles/index.js';
import { parseServiceDefinition } from '../../src/runtime/containers/service-definition.js';
import { ServiceStore } from '../../src/runtime/containers/service-store.js';
import { Database } from '../../src/runtime/database/index.js';
import { YamlReader } from '../../src/runtime/definitions/index.js';
import { until } from '../support/processes.js';
import { RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';

let services: string;
let home: string;
let server: RuntimeServer;

const start = (): Promise<RuntimeServer> =>
  RuntimeServer.start({}, { folder: home, env: { CYBERUN_SERVICES_DIR: services } });
const define = (name: string, text: string): Promise<void> =>
  writeFile(
    join(services, `${name}.yaml`),
    `slug: ${name}\ncommand: [node, app.mjs]\nservice_desc: ${text}\n`,
  );
const shown = async (name: string): Promise<unknown> => {
  const { status, body } = await server.get(`/r/containers/${name}`);
  return status === 200 ? body.service_desc : status;
};

async function apply(name: string, text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'cyberun-apply-'));
  const reader = new YamlReader();
  const file = `${name}.yaml`;
  await writeFile(join(folder, 'app.mjs'), '');
  const source = await reader.read(file, `slug: ${name}\ncommand: [node, app.mjs]\nservice_desc: ${text}\n`);
  const parsed = parseServiceDefinition(source, file);
  const bundle = await packBundle(folder, parsed.beside);
  const definition = bundle ? { ...parsed, bundle: { hash: bundle.hash, size: bundle.size } } : parsed;
  const store = server.app.get(ServiceStore, { strict: false });
  const { db } = server.app.get(Database, { strict: false });
  const change = await db
    .transaction()
    .execute((tx) => store.apply(tx, { file, definition }, ({ beside }) => packBundle(folder, beside)));
  await reader.end();
  await rm(folder, { recursive: true });
  return change;
}

beforeAll(async () => {
  services = await mkdtemp(join(tmpdir(), 'cyberun-services-'));
  home = await mkdtemp(join(tmpdir(), 'cyberun-runtime-'));
  await define('kept', 'from the folder');
  server = await start();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(services, { recursive: true, force: true });
});

it('services that are applied to the database are served beside those of the folder, whose changes leave them', async () => {
  expect(await apply('applied', 'one')).toBe('added');
  expect(await apply('applied', 'one')).toBe('unchanged');
  expect(await apply('applied', 'two')).toBe('changed');
  await until(async () => (await shown('applied')) === 'two');
  await define('kept', 'from the folder again');
  await until(async () => (await shown('kept')) === 'from the folder again');
  expect(await shown('applied')).toBe('two');
});

it('a folder does not replace an applied service when the server starts, but when its file changes', async () => {
  await apply('both', 'applied');
  await server.stop();
  await define('both', 'of the folder');
  server = await start();
  expect([await shown('kept'), await shown('both')]).toEqual(['from the folder again', 'applied']);
  await define('both', 'changed in the folder');
  await until(async () => (await shown('both')) === 'changed in the folder');
});

it('a service whose file is removed while the server is stopped is gone after the start', async () => {
  await server.stop();
  await rm(join(services, 'both.yaml'));
  server = await start();
  await until(async () => (await shown('both')) === 404);
  expect(await shown('applied')).toBe('two');
});
