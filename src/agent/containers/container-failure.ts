import { errorText } from '../../config/index.js';

/** Why a container cannot start or has failed; the message is for the author of the workflow or service. */
export class ContainerFailure extends Error {
  override readonly name = 'ContainerFailure';
}

const LENGTH = 400;

/** The status of the answer of an engine; `undefined` when it has not answered. */
export const engineStatus = (error: unknown): number | undefined =>
  (error as { statusCode?: number } | undefined)?.statusCode;

/** What an engine says, in one line of bounded length. */
export function engineMessage(error: unknown): string {
  const { json } = error as { json?: { message?: unknown } };
  const text = typeof json?.message === 'string' ? json.message : errorText(error);
  const line = text
    .trim()
    .replace(/^\(HTTP code \d+\) [\w ]+ - /, '')
    .replaceAll(/\s+/g, ' ')
    .replace(/\.$/, '');
  return line.length > LENGTH ? `${line.slice(0, LENGTH)}…` : line;
}

const MISSING_PROGRAM = /executable file not found|no such file or directory.*command that was not found/i;
const MISSING_GPU = /could not select device driver|nvidia\.com\/gpu|unresolvable CDI/i;

/** @param error of the creation or the start of a container. */
export function containerStartFailure(error: unknown, image: string): ContainerFailure {
  const saying = engineMessage(error);
  if (engineStatus(error) === undefined)
    return new ContainerFailure(`the container engine of the agent did not answer: ${saying}`);
  if (MISSING_GPU.test(saying))
    return new ContainerFailure('the container engine of the agent cannot give it a GPU');
  if (MISSING_PROGRAM.test(saying))
    return new ContainerFailure(`image ${image} does not have the program that it should run: ${saying}`);
  return new ContainerFailure(`the container engine refused it: ${saying}`);
}
