import type { V1EnvVar } from '@kubernetes/client-node';

/** What the image of a step runs. */
interface StepProgram {
  /** For the shell of the image; without it the image's own program runs. */
  readonly command?: string | undefined;
  readonly words: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** How a container gets its program. */
export interface MainProgram {
  readonly command?: string[];
  /** Absent: those of the image. */
  readonly args?: string[];
  readonly env: V1EnvVar[];
  /** What the Secret of the run has for it. */
  readonly secret: Record<string, string>;
}

/** Names of variables that carry the command and the arguments. */
const COMMAND = 'CYBERUN_STEP_COMMAND';
const argument = (index: number): string => `CYBERUN_STEP_ARGUMENT_${index + 1}`;
const RESERVED = /^CYBERUN_STEP_(COMMAND|ARGUMENT_\d+)$/;
/** A Secret holds 1 MiB, its names and the token of the run included. */
const SECRET_BYTES = 1024 * 1024 - 64 * 1024;

/**
 * The program of a step for the container of a pod, whose values are in the Secret of the run: users who may read pods
 * and Jobs do not see what the workflow says. Kubernetes puts the values of variables into arguments, once and without a look into them.
 *
 * @param secretName the Secret of the run.
 */
export function mainProgramOf({ command, words, environment }: StepProgram, secretName: string): MainProgram {
  const values = [
    ...Object.entries(environment).filter(([name]) => !RESERVED.test(name)),
    ...(command === undefined ? [] : [[COMMAND, command] as const]),
    ...words.map((word, index) => [argument(index), word] as const),
  ].map(([name, value], index) => ({ name, value, key: `main-${index + 1}` }));
  const args = words.map((_word, index) => `$(${argument(index)})`);
  return {
    ...(command !== undefined && { command: ['/bin/sh', '-e', '-c', `$(${COMMAND})`, 'sh', ...args] }),
    ...(command === undefined && args.length > 0 && { args }),
    env: values.map(({ name, key }) => ({ name, valueFrom: { secretKeyRef: { name: secretName, key } } })),
    secret: Object.fromEntries(values.map(({ key, value }) => [key, value])),
  };
}

/** Whether the values of a program fit into a Secret. */
export const fitsSecret = ({ secret }: MainProgram): boolean =>
  Object.values(secret).reduce((bytes, value) => bytes + Buffer.byteLength(value), 0) <= SECRET_BYTES;
