/** What npm runs when it starts this program: `scripts/start.mjs` by `npm start`, the command by `npx` or a script. */
const OURS = /(^|['"\s/\\])(start\.mjs|cyberun-mcp)(['"\s]|$)/;

/** Whether npm started this very program, and not one that in turn started it, perhaps to outlive npm. */
export function isStartedByNpm(environment: NodeJS.ProcessEnv = process.env): boolean {
  return OURS.test(environment['npm_lifecycle_script'] ?? '');
}
