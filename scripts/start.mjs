// `npm start`: builds when the sources changed, then serves. Arguments after `--` go to `cyberun-mcp serve`.
import { readFileSync } from 'node:fs';

const parent = process.ppid;
const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const actual = process.versions.node.split('.').map(Number);
const fits = engines.node.split(' || ').some((part) => {
  const [major, minor] = part.match(/\d+/g).map(Number);
  return (part.startsWith('>=') && actual[0] > major) || (actual[0] === major && actual[1] >= minor);
});
if (!fits) {
  console.error(
    `Node ${process.versions.node} does not fit: cyberun-mcp needs Node ${engines.node}, and none came with npm ci for this machine. Install Node 24.`,
  );
  process.exit(1);
}
const { buildIfStale } = await import('./build-if-stale.mjs');
buildIfStale();
// npm ended while this process waited for the build.
if (process.ppid !== parent) process.exit(143);
// A person is looking, also when the output goes through a pipe.
process.env.CYBERUN_LOGGER_FORMAT ??= 'text';
process.argv.splice(2, 0, 'serve');
await import('../dist/main.js');
