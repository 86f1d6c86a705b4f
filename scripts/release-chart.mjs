// Packages the chart and pushes it to an OCI registry, signed where a key is named:
//   npm run chart:release -- oci://registry.example.com/charts --sign KEY --keyring secring.gpg
// Log in before: `helm registry login registry.example.com`. Without an address it only packages, into the folder `dist-chart`.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { findHelm } from './helm.mjs';

const ROOT = join(import.meta.dirname, '..');
const USAGE =
  'Usage: npm run chart:release -- [oci://REGISTRY/PATH] [--sign KEY --keyring FILE] [--passphrase-file FILE] [--destination FOLDER] [--plain-http]';

function stop(sentence) {
  console.error(sentence);
  process.exit(1);
}

function optionsOf(args) {
  const options = {
    sign: { type: 'string' },
    keyring: { type: 'string' },
    'passphrase-file': { type: 'string' },
    destination: { type: 'string', default: join(ROOT, 'dist-chart') },
    'plain-http': { type: 'boolean', default: false },
  };
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    return stop(`${error.message}\n${USAGE}`);
  }
}

const { values, positionals } = optionsOf(process.argv.slice(2));
const [target, ...more] = positionals;
if (more.length > 0) stop(`There is one address to push to, but ${more[0]} is another.\n${USAGE}`);
if (target !== undefined && !/^oci:\/\/[^/]+\/./.test(target))
  stop(
    `${target} is not an address of an OCI registry with a path, as oci://registry.example.com/charts.\n${USAGE}`,
  );
if ((values.sign === undefined) !== (values.keyring === undefined))
  stop(`--sign names the key and --keyring the file with it: give both, or neither.\n${USAGE}`);
if (values.keyring !== undefined && !existsSync(values.keyring))
  stop(`There is no file ${values.keyring}. Write it with: gpg --export-secret-keys > ${values.keyring}`);

const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const helm = findHelm();

/** Runs Helm; its failure is the end. */
function run(...args) {
  const { status, error } = spawnSync(helm, args, { cwd: ROOT, stdio: 'inherit' });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

const archive = join(values.destination, `cyberun-mcp-${version}.tgz`);
mkdirSync(values.destination, { recursive: true });
// A signature of an earlier package would be pushed with this one.
for (const file of [archive, `${archive}.prov`]) rmSync(file, { force: true });

run('lint', '--strict', '--quiet', 'helm');
const signature =
  values.sign === undefined ? [] : ['--sign', '--key', values.sign, '--keyring', values.keyring];
const passphrase =
  values['passphrase-file'] === undefined ? [] : ['--passphrase-file', values['passphrase-file']];
run('package', 'helm', '--destination', values.destination, ...signature, ...passphrase);
if (!existsSync(archive))
  stop(`The chart is not version ${version} of package.json: run npm run version first.`);
// Helm pushes the signature that is beside the package.
if (target !== undefined) run('push', archive, target, ...(values['plain-http'] ? ['--plain-http'] : []));
