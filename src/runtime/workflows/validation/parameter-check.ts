import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';

import { type DeadlineAnswer, DeadlineWorker, HEAP_MB } from '../../definitions/index.js';
import type { ParametersSchema } from '../compiled-workflow.js';
import type { SchemaReport } from './schema-faults.js';
import type { CheckedParameters, ValidationAnswer, ValidationQuestion } from './validation-worker.js';

const CPU_MS = 3000;
/** While a slow check occupies one thread, the other continues. */
const THREADS = 2;

/**
 * Validates schemas and parameters in worker threads with a deadline: the duration depends on the schema and the caller,
 * and a regular expression may take hours on 40 characters.
 */
@Injectable()
export class ParameterCheck implements BeforeApplicationShutdown {
  private readonly threads = Array.from(
    { length: THREADS },
    () =>
      new DeadlineWorker<ValidationQuestion, ValidationAnswer>({
        module: new URL('validation-worker', import.meta.url),
        cpuMs: CPU_MS,
      }),
  );
  /** The last check of each schema: a slow check delays only runs of its own workflow. */
  private readonly last = new Map<string, Promise<unknown>>();

  async schema(schema: ParametersSchema): Promise<SchemaReport> {
    const answer = await this.ask({ schema: JSON.stringify(schema) });
    if (answer.outcome === 'answered') return answer.answer as SchemaReport;
    const reason =
      answer.outcome === 'exceeded'
        ? tooLong('it', 'make it simpler')
        : `it cannot be checked: ${answer.reason}`;
    return { fault: { path: [], reason }, warnings: [] };
  }

  /** @throws {Error} when the check itself failed, which says nothing of the parameters. */
  async parameters(
    schema: ParametersSchema,
    parameters: Record<string, unknown>,
  ): Promise<CheckedParameters> {
    const fault = limitExceeded(parameters);
    if (fault !== undefined) return { isValid: false, faults: [fault] };
    const answer = await this.inTurn({ schema: JSON.stringify(schema), parameters });
    if (answer.outcome === 'answered') return answer.answer as CheckedParameters;
    if (answer.outcome === 'failed') throw new Error(`The check of parameters failed: ${answer.reason}`);
    return { isValid: false, faults: [tooLong('what the parameters hold', 'make texts and lists shorter')] };
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.end()));
  }

  /** Uses the thread with the fewest requests, and starts the other only when needed. */
  private ask(question: ValidationQuestion): Promise<DeadlineAnswer<ValidationAnswer>> {
    const [first, ...others] = this.threads;
    const thread = others.reduce((best, each) => (best && each.waiting >= best.waiting ? best : each), first);
    if (!thread) throw new Error('there is no thread');
    return thread.ask(question);
  }

  private async inTurn(question: ValidationQuestion): Promise<DeadlineAnswer<ValidationAnswer>> {
    const { schema } = question;
    const before = this.last.get(schema);
    const answer = Promise.resolve(before).then(() => this.ask(question));
    this.last.set(schema, answer);
    try {
      return await answer;
    } finally {
      if (this.last.get(schema) === answer) this.last.delete(schema);
    }
  }
}

const tooLong = (what: string, advice: string): string =>
  `${what} takes more than ${CPU_MS / 1000} seconds or ${HEAP_MB} MB to check against its schema; ${advice}`;

const DEEPEST = 64;
const MOST_VALUES = 100_000;

/** Why parameters exceed a limit; not recursive, because it protects recursive code. */
function limitExceeded(parameters: Readonly<Record<string, unknown>>): string | undefined {
  let values = 0;
  for (const [name, parameter] of Object.entries(parameters)) {
    const left = [{ value: parameter, depth: 1 }];
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const fault = tooMuch(next.depth, (values += 1)) ?? unsafeInteger(next.value);
      if (fault !== undefined) return `parameter "${name.slice(0, 60)}" ${fault}`;
      if (typeof next.value !== 'object' || next.value === null) continue;
      for (const value of Object.values(next.value)) left.push({ value, depth: next.depth + 1 });
    }
  }
  return undefined;
}

function tooMuch(depth: number, values: number): string | undefined {
  if (depth > DEEPEST) return `is nested more than ${DEEPEST} levels deep`;
  if (values <= MOST_VALUES) return undefined;
  return `makes more than ${MOST_VALUES} values of the parameters, list items and fields counted; send so much as a file`;
}

/** An integer that was rounded when the request was parsed. */
function unsafeInteger(value: unknown): string | undefined {
  if (typeof value !== 'number' || !Number.isInteger(value)) return undefined;
  if (Number.isSafeInteger(value) || Math.abs(value) >= 1e21) return undefined;
  return `holds an integer beyond ${Number.MAX_SAFE_INTEGER}, which JSON does not carry unchanged; use a smaller one, or a text where the workflow takes one`;
}
