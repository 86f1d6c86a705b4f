import { Settings, settingsOf } from '../../src/config/index.js';

/** docs/configuration.md: every variable, what it is left out as, and what it means. */
export function settingsPage(): string {
  const defaults = new Settings();
  const rows = settingsOf(Settings.prototype).map(
    ({ env, property, meaning, example, defaultText, isSecret }) => {
      const secret = isSecret === true ? ' Secret: it is never shown.' : '';
      const fallback = defaultText ?? `\`${String(Reflect.get(defaults, property))}\``;
      return `| \`${env}\` | ${fallback} | ${meaning}${secret} | \`${example}\` |`;
    },
  );
  return [
    '# Configuration',
    '',
    '<!-- Printed by `npm run print` from src/config/settings.ts. Do not edit. -->',
    '',
    'Every setting is an environment variable. An empty one counts as not set. A value that cannot be used stops the start with one sentence that names the variable, the problem and an example.',
    '',
    '| Variable | Default | Meaning | Example |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
    'An agent on another machine reads its `ak-` key from `CYBERUN_AGENT_KEY`. `HTTPS_PROXY`, `NO_PROXY` and `NODE_EXTRA_CA_CERTS` are honoured on the way to a Runtime API elsewhere.',
    '',
  ].join('\n');
}
