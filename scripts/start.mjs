// `npm start`: builds when the sources changed, then serves. Arguments after `--` go to `cyberun-mcp serve`.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 12)) {
  console.error(
    `Node ${process.versions.node} is too old, and no newer one came with npm ci for this machine. Install Node 24.`,
  );
  process.exit(1);
}
const { buildIfStale } = await import('./build-if-stale.mjs');
buildIfStale();
// A person is looking, also when the output goes through a pipe.
process.env.CYBERUN_LOGGER_FORMAT ??= 'text';
process.argv.splice(2, 0, 'serve');
await import('../dist/main.js');
