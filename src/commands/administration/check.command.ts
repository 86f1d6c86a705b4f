import { readDefinitions } from '../../runtime/index.js';
import { printJson, type PrintOptions } from '../client/printing.js';
import { table } from '../table.js';

/** `workflows check PATH…`: exit code 1 when a definition would be refused. */
export async function checkCommand(paths: readonly string[], { json: isJson }: PrintOptions): Promise<void> {
  const { definitions, refused, warnings } = await readDefinitions(paths);
  const valid = definitions.map(({ file, kind, definition }) => ({ file, kind, slug: definition.slug }));
  const faults = refused.map(({ file, line, message }) => ({ file, line, error_message: message }));
  if (isJson) printJson({ valid, refused: faults, warnings });
  else {
    for (const warning of warnings) process.stderr.write(`Warning: ${warning}\n`);
    for (const { error_message } of faults) process.stderr.write(`${error_message}\n`);
    const rows = valid.map(({ file, kind, slug }) => ['valid', kind, slug, file]);
    const others = faults.map(({ file, line }) => ['refused', '-', '-', `${file}:${line}`]);
    process.stdout.write(table([['RESULT', 'KIND', 'NAME', 'FILE'], ...rows, ...others]));
  }
  if (refused.length > 0) process.exitCode = 1;
}
