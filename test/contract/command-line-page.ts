import type { Argument, Command, Option } from 'commander';

import { EXIT_CODE_MEANINGS } from '../../src/commands/index.js';

const cell = (text: string): string => text.replaceAll('|', '\\|');
const code = (text: string): string => `\`${cell(text)}\``;

function defaultOf({ defaultValue, defaultValueDescription, argChoices }: Option): string {
  const choices = argChoices ? ` One of ${argChoices.map(code).join(', ')}.` : '';
  const fallback = defaultValueDescription ?? (defaultValue === undefined ? undefined : String(defaultValue));
  return fallback === undefined ? choices : `${choices} Default: ${code(fallback)}.`;
}

const argumentText = (argument: Argument): string => {
  const text = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return argument.required ? `<${text}>` : `[${text}]`;
};

function optionsOf({ options }: Command): string[] {
  const shown = options.filter(({ hidden, long }) => !hidden && long !== '--version');
  if (shown.length === 0) return [];
  const rows = shown.map(
    (option) =>
      `| ${code(option.flags)} | ${cell(option.description).replace(/\.$/, '')}.${defaultOf(option)} |`,
  );
  return ['', '| Option | Meaning |', '| --- | --- |', ...rows];
}

/** A section for each command that does something, in the order of the help. */
function sectionsOf(command: Command, path: readonly string[]): string[] {
  const inner = command.commands.flatMap((each) => sectionsOf(each, [...path, each.name()]));
  if (inner.length > 0) return inner;
  const words = [...path, ...command.registeredArguments.map(argumentText)].join(' ');
  const description = command.description();
  const sentence = `${description.charAt(0).toUpperCase()}${description.slice(1)}.`;
  const choices = command.registeredArguments.flatMap((argument) =>
    argument.argChoices
      ? [`${code(argumentText(argument))}: ${argument.argChoices.map(code).join(', ')}.`]
      : [],
  );
  return ['', `## ${code(words)}`, '', [sentence, ...choices].join(' '), ...optionsOf(command)];
}

/** docs/command-line.md: every command, its options, and the exit codes. */
export function commandLinePage(program: Command): string {
  return [
    '# Command line',
    '',
    '<!-- Printed by `npm run print` from src/commands. Do not edit. -->',
    '',
    'The results of a command go to standard output; progress, notes and errors go to standard error. `--json` prints one JSON document, with the objects of the Runtime API where it has them; `tasks logs` prints one on each line. Standard output holds nothing else then, and nothing at all when a command fails before it has a result. Of `tasks`, `workflows`, `services` and `agents` alone, `list` runs.',
    '',
    '`run`, `tasks`, `workflows list`, `workflows show`, `services`, `agents` and `status` talk to a server over its REST API. They find it, in this order:',
    '',
    '1. by `CYBERUN_URL` (the address of a server with the runtime, of its API or of its MCP endpoint; a gateway has no REST API) and `CYBERUN_API_KEY`;',
    '2. by `cyberun-mcp login`, which keeps both in `$XDG_CONFIG_HOME/cyberun-mcp/login.json` (`~/.config` if unset), readable by this user alone. Its key is sent to no other server;',
    '3. at `http://127.0.0.1:8080`, when only `CYBERUN_API_KEY` is set.',
    '',
    '`connect` finds the server in the same way, unless `--url` names it, and calls its MCP endpoint once. It keeps a copy of the file (`….backup`, for its owner alone) beside it, and what `--undo` needs in `connect/` beside `login.json`. [A page for each client](clients.md) shows what it writes.',
    '',
    '`HTTPS_PROXY`, `NO_PROXY` and `NODE_EXTRA_CA_CERTS` are honoured. The other commands work on the data folder or the database of the embedded runtime, by the settings of [configuration.md](configuration.md).',
    '',
    'A run that is waited for shows a bar on a terminal, and elsewhere a line for each state and each tenth of the work. Ctrl-C ends the command and not the task: it says how to watch the task again (`tasks watch`) or cancel it (`tasks cancel`). A connection that is lost is made again and continues where it was, for up to five minutes without an answer.',
    '',
    'A value of `--param` is read as the type that the workflow declares: arrays and objects are JSON. Outputs are saved under their own names without any path, and no file is replaced without `--force`.',
    '',
    '```console',
    '$ cyberun-mcp run mandelbrot --param size=300 --param palette=fire --output-dir pictures',
    '$ cyberun-mcp run text-statistics --file text=README.md --json | jq .task_output.words',
    '$ cyberun-mcp tasks logs -f $(cyberun-mcp run mandelbrot --detach)',
    '```',
    '',
    '## Exit codes',
    '',
    '| Code | Meaning |',
    '| --- | --- |',
    ...Object.entries(EXIT_CODE_MEANINGS).map(([number, meaning]) => `| ${number} | ${meaning} |`),
    ...sectionsOf(program, ['cyberun-mcp']),
    '',
  ].join('\n');
}
