import { type Span, SpanKind } from '@opentelemetry/api';

import type { RunOrder, RunStep } from '../../contract/index.js';
import {
  failSpan,
  noteInScope,
  startSpan,
  type TraceContext,
  traceContextOf,
} from '../../telemetry/index.js';

type Environment = Readonly<Record<string, string>>;

/**
 * The span of a run, and below it one of each step. It goes on with the trace of the request that has submitted the task and
 * usually ends long after that. Where this agent does not trace, programs get the trace of the request itself.
 */
export class RunTrace {
  private readonly span: Span;

  constructor({ task_id, attempt, workflow = '', trace }: RunOrder) {
    const [slug = '', version = ''] = workflow.split('@');
    this.span = startSpan(slug === '' ? 'run' : `run ${slug}`, {
      kind: SpanKind.CONSUMER,
      parent: trace,
      link: trace,
      attributes: {
        'cyberun.task.id': task_id,
        'cyberun.run.attempt': attempt,
        ...(slug !== '' && { 'cyberun.workflow.slug': slug, 'cyberun.workflow.version': version }),
      },
    });
    const context = traceContextOf(this.span);
    if (context) noteInScope({ trace: context });
  }

  /** Runs a step in a span; `run` gets variables that tell its program of it. */
  async step<Result>(
    { name, kind }: RunStep,
    run: (variables: Environment) => Promise<Result>,
  ): Promise<Result> {
    const span = startSpan(`step ${name}`, {
      kind: SpanKind.INTERNAL,
      parent: traceContextOf(this.span),
      attributes: { 'cyberun.step.name': name, 'cyberun.step.kind': kind },
    });
    return await ended(span, run(variablesOf(span)));
  }

  /** Ends the span with the work of the run. */
  end<Result>(work: Promise<Result>): Promise<Result> {
    return ended(this.span, work);
  }
}

async function ended<Result>(span: Span, work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    failSpan(span, error instanceof Error ? error.name : 'Error');
    throw error;
  } finally {
    span.end();
  }
}

const variablesOf = (span: Span): Environment => traceEnvironment(traceContextOf(span));

/** Variables that tell a program what it is part of, as their specification has them. */
export function traceEnvironment(context: TraceContext | undefined): Environment {
  if (!context) return {};
  const { traceparent, tracestate } = context;
  return { TRACEPARENT: traceparent, ...(tracestate !== undefined && { TRACESTATE: tracestate }) };
}
