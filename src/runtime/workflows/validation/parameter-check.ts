import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';

import { type DeadlineAnswer, DeadlineWorker, HEAP_MB } from '../../deadline-worker/index.js';
import type { ParametersSchema } from '../compiled-workflow.js';
import { limitFault } from './parameter-limits.js';
import type { CheckedParameters } from './parameter-validator.js';
import type { SchemaReport } from './schema-faults.js';
import type { ValidationAnswer, ValidationQuestion } from './validation-worker.js';

const CPU_MS = 3000;
/** One may be held by a check that takes long while the other goes on. */
const THREADS = 2;

/**
 * Checks schemas and parameters in a thread of its own, each within a deadline: what a check takes is up to the
 * author of the schema and the caller together, and a pattern may take hours over 40 letters.
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
  /** The last check of each schema: one that takes long holds up the runs of its own workflow, not of all. */
  private readonly last = new Map<string, Promise<unknown>>();

  /** Looks at the schema of a workflow that is loaded. */
  async schema(schema: ParametersSchema): Promise<SchemaReport> {
    const answer = await this.ask({ schema: JSON.stringify(schema) });
    if (answer.outcome === 'answered') return answer.answer as SchemaReport;
    return { fault: { path: [], reason: faultOf(answer, 'it', 'make it simpler') }, warnings: [] };
  }

  /** Checks what a run was given, all of it. */
  async parameters(
    schema: ParametersSchema,
    parameters: Record<string, unknown>,
  ): Promise<CheckedParameters> {
    const fault = limitFault(parameters);
    if (fault !== undefined) return { isValid: false, faults: [fault] };
    const answer = await this.inTurn({ schema: JSON.stringify(schema), parameters });
    if (answer.outcome === 'answered') return answer.answer as CheckedParameters;
    const advice = 'make texts and lists shorter';
    return { isValid: false, faults: [faultOf(answer, 'what the parameters hold', advice)] };
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.end()));
  }

  /** The thread with the fewest questions takes it, the first of those, so that the others start only when needed. */
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

function faultOf(
  answer: Exclude<DeadlineAnswer<unknown>, { outcome: 'answered' }>,
  what: string,
  advice: string,
): string {
  return answer.outcome === 'exceeded'
    ? `${what} takes more than ${CPU_MS / 1000} seconds or ${HEAP_MB} MB to check against its schema; ${advice}`
    : `${what} cannot be checked: ${answer.reason}`;
}
