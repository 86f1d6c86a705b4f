import type { Command } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** What can follow some words of the command line. */
interface Completed {
  /** The words before, as in `tasks logs`; empty for the first. */
  readonly path: string;
  /** Whether words are arguments, after which options may follow, and not commands with options of their own. */
  readonly takesArguments: boolean;
  readonly words: readonly Word[];
}

/** A command or an option. */
interface Word {
  readonly word: string;
  readonly meaning: string;
  /** Of an option: whether a value follows it, and those that can. */
  readonly takesValue?: boolean;
  readonly values?: readonly string[] | undefined;
}

/** A script that makes a shell complete the commands and options of a command line. */
export function completionScript(program: Command, shell: Shell): string {
  const completed = completedBelow(program, []);
  const choices = choicesOf(program);
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](completed, choices);
}

function completedBelow(command: Command, path: readonly string[]): Completed[] {
  const { commands } = command;
  const options = command.options.filter(({ hidden }) => !hidden);
  const words = [
    ...command.registeredArguments.flatMap(({ argChoices = [], description }) =>
      argChoices.map((word) => ({ word, meaning: description })),
    ),
    ...commands.map((each) => ({ word: each.name(), meaning: each.description() })),
    ...options.map(({ long, short, description, required, argChoices }) => ({
      word: long ?? short ?? '',
      meaning: description,
      takesValue: required,
      values: argChoices,
    })),
    { word: '--help', meaning: 'display help for command' },
  ];
  return [
    { path: path.join(' '), takesArguments: command.registeredArguments.length > 0, words },
    ...commands.flatMap((each) => completedBelow(each, [...path, each.name()])),
  ];
}

/** The values that an option takes. */
interface Choice {
  readonly option: string;
  readonly values: readonly string[];
}

function choicesOf(command: Command): Choice[] {
  const own = command.options.flatMap(({ long, argChoices }) =>
    long && argChoices ? [{ option: long, values: argChoices }] : [],
  );
  return [...own, ...command.commands.flatMap(choicesOf)];
}

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** Lines that find in `given` the commands before the word that is completed, for bash and zsh. */
const pathLines = (completed: readonly Completed[]): string[] => [
  `    case "\${given:+$given }$word" in`,
  `      ${completed
    .filter(({ path }) => path !== '')
    .map(({ path }) => quoted(path))
    .join('|')}) given="\${given:+$given }$word" ;;`,
  '    esac',
];

function bashScript(completed: readonly Completed[], choices: readonly Choice[]): string {
  return [
    '# Completion of cyberun-mcp for bash. Load it with: source <(cyberun-mcp completion bash)',
    '_cyberun_mcp() {',
    '  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} given= word words=',
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
    ...pathLines(completed),
    '  done',
    '  case "$previous" in',
    ...choices.map(({ option, values }) => `    ${option}) words=${quoted(values.join(' '))} ;;`),
    '  esac',
    '  if [ -z "$words" ]; then case "$given" in',
    ...completed.map(
      ({ path, words }) => `    ${quoted(path)}) words=${quoted(words.map(({ word }) => word).join(' '))} ;;`,
    ),
    '  esac; fi',
    '  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")',
    '}',
    'complete -o default -F _cyberun_mcp cyberun-mcp',
    '',
  ].join('\n');
}

function zshScript(completed: readonly Completed[], choices: readonly Choice[]): string {
  const described = ({ word, meaning }: Word): string =>
    quoted(`${word}:${meaning.replaceAll(':', String.raw`\:`)}`);
  return [
    '#compdef cyberun-mcp',
    '# Completion of cyberun-mcp for zsh. Load it with: source <(cyberun-mcp completion zsh)',
    '_cyberun_mcp() {',
    '  local given= word',
    '  local -a found',
    '  for word in "${(@)words[2,CURRENT-1]}"; do',
    ...pathLines(completed),
    '  done',
    '  case "${words[CURRENT-1]}" in',
    ...choices.map(({ option, values }) => `    ${option}) found=(${values.map(quoted).join(' ')}) ;;`),
    '  esac',
    '  if (( ! $#found )); then case "$given" in',
    ...completed.map(
      ({ path, words }) => `    ${quoted(path)}) found=(${words.map(described).join(' ')}) ;;`,
    ),
    '  esac; fi',
    '  _describe cyberun-mcp found || _files',
    '}',
    'compdef _cyberun_mcp cyberun-mcp',
    '',
  ].join('\n');
}

function fishScript(completed: readonly Completed[]): string {
  const lines = completed.flatMap(({ path, takesArguments, words }) => {
    const inner = words.filter(({ word }) => !word.startsWith('-')).map(({ word }) => word);
    const seen = path
      .split(' ')
      .filter((word) => word !== '')
      .map((word) => `__fish_seen_subcommand_from ${word}`);
    const notYet = inner.length > 0 ? [`not __fish_seen_subcommand_from ${inner.join(' ')}`] : [];
    return words.map((each) => {
      const before = takesArguments && each.word.startsWith('-') ? seen : [...seen, ...notYet];
      const condition = before.join('; and ') || 'true';
      return `complete -c cyberun-mcp -n ${quoted(condition)} ${fishWord(each)} -d ${quoted(each.meaning)}`;
    });
  });
  return [
    '# Completion of cyberun-mcp for fish. Load it with: cyberun-mcp completion fish | source',
    ...lines,
    '',
  ].join('\n');
}

function fishWord({ word, takesValue, values }: Word): string {
  if (!word.startsWith('--')) return `-f -a ${quoted(word)}`;
  const value = values ? ` -x -a ${quoted(values.join(' '))}` : takesValue ? ' -r' : '';
  return `-l ${word.slice(2)}${value}`;
}
