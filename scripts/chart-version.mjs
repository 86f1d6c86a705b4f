// Copies the version of package.json to the chart; run by `npm run version`, after changesets has raised it.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const chart = join(root, 'helm', 'Chart.yaml');
const text = readFileSync(chart, 'utf8')
  .replace(/^(version|appVersion): .*$/gm, `$1: ${version}`)
  .replace(/(image: \S+:)\S+$/m, `$1${version}`)
  .replace(/(prerelease: ).*$/m, `$1'${version.startsWith('0.') || version.includes('-')}'`);
writeFileSync(chart, text);
