import type { PipeTransform } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import type { z } from 'zod';

import { InvalidInput } from '../errors/tool-error.js';

/** Parses the arguments of a call inside the Nest pipeline, so that guards come first. */
class ToolInputPipe<Output> implements PipeTransform<unknown, Output> {
  constructor(private readonly schema: z.ZodType<Output>) {}

  transform(value: unknown): Output {
    const parsed = this.schema.safeParse(value ?? {});
    if (!parsed.success) throw new InvalidInput(parsed.error.issues);
    return parsed.data;
  }
}

/** The parsed arguments of the call; invalid ones end it, naming the field and the rule. */
export const ToolInput = (schema: z.ZodType): ParameterDecorator => Payload(new ToolInputPipe(schema));
