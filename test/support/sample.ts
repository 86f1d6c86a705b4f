import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { parse } from 'yaml';

import { packagePaths } from '../../src/config/index.js';

interface Property {
  readonly default?: unknown;
}
interface Definition {
  readonly document: { readonly name: string };
  readonly input?: {
    readonly schema: { readonly document: { readonly properties: Record<string, Property> } };
  };
  readonly do: readonly Record<string, { readonly run: { readonly script: { readonly code: string } } }>[];
}

/** What a script left behind. */
export interface SampleRun {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly result: unknown;
  file(name: string): Promise<Buffer>;
}

/** Runs the script of a workflow file as docs/workflows.md says an agent does, without any of our code. */
export class SampleScript implements AsyncDisposable {
  private constructor(
    private readonly definition: Definition,
    private readonly folder: string,
  ) {}

  static async open(file: string): Promise<SampleScript> {
    const definition = parse(await readFile(join(packagePaths.root, file), 'utf8')) as Definition;
    return new SampleScript(definition, await mkdtemp(join(tmpdir(), 'cyberun-sample-')));
  }

  /** A file in the input folder, as its parameter names it. */
  async input(name: string, content: string | Uint8Array): Promise<string> {
    await mkdir(join(this.folder, 'input'), { recursive: true });
    const path = join(this.folder, 'input', name);
    await writeFile(path, content);
    return path;
  }

  async run(given: Record<string, unknown> = {}): Promise<SampleRun> {
    const output = join(this.folder, 'output');
    await mkdir(output, { recursive: true });
    const parameters = { ...this.defaults(), ...given };
    await writeFile(join(this.folder, 'parameters.json'), JSON.stringify(parameters));
    await writeFile(join(this.folder, 'script.mjs'), this.code());
    const child = spawn(process.execPath, ['script.mjs'], {
      cwd: this.folder,
      env: this.environment(parameters),
    });
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    const [stdout, stderr, exitCode] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
    const file = (name: string): Promise<Buffer> => readFile(join(output, name));
    const result = await file('result.json').then(
      (bytes) => JSON.parse(bytes.toString()) as unknown,
      () => undefined,
    );
    return { exitCode, stdout, stderr, result, file };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }

  private code(): string {
    const [step] = this.definition.do.flatMap((named) => Object.values(named));
    if (!step) throw new Error(`${this.definition.document.name} has no step`);
    return step.run.script.code;
  }

  private defaults(): Record<string, unknown> {
    const properties = Object.entries(this.definition.input?.schema.document.properties ?? {});
    return Object.fromEntries(
      properties
        .filter(([, { default: value }]) => value !== undefined)
        .map(([name, property]) => [name, property.default]),
    );
  }

  private environment(parameters: Record<string, unknown>): Record<string, string> {
    const scalars = Object.entries(parameters).map(([name, value]) => [
      `CYBERUN_PARAM_${name.toUpperCase()}`,
      String(value),
    ]);
    return {
      HOME: this.folder,
      CYBERUN_TASK_ID: 'sample',
      CYBERUN_ATTEMPT: '1',
      CYBERUN_PARAMETERS: join(this.folder, 'parameters.json'),
      CYBERUN_INPUT_DIR: join(this.folder, 'input'),
      CYBERUN_OUTPUT_DIR: join(this.folder, 'output'),
      ...(Object.fromEntries(scalars) as Record<string, string>),
    };
  }
}

/** The values of the progress lines, in the order they were written. */
export function progressValues(stdout: string): number[] {
  return [...stdout.matchAll(/^::progress value=([\d.]+)[^:]*::.*$/gm)].map(([, value]) => Number(value));
}
