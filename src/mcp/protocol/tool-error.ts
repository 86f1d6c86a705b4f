import { RpcException } from '@nestjs/microservices';

/** What a model reads when a call fails: `structuredContent` and text of an error result. */
export class ErrorEnvelope {
  declare readonly retry_after_seconds?: number;

  constructor(
    readonly error_message: string,
    retryAfterSeconds?: number,
  ) {
    if (retryAfterSeconds !== undefined) this.retry_after_seconds = retryAfterSeconds;
  }
}

/** The same, of a call that the key does not permit. */
export class ForbiddenEnvelope extends ErrorEnvelope {}

/**
 * An error of a call in the product's own words, by a guard or a pipe. It is an RpcException because those keep their
 * content on the way through Nest's filters.
 */
export class ToolError extends RpcException {
  /** @param retryAfterSeconds when the same call may succeed. */
  constructor(
    message: string,
    retryAfterSeconds?: number,
    envelope: ErrorEnvelope = new ErrorEnvelope(message, retryAfterSeconds),
  ) {
    super(envelope);
    this.message = message;
  }
}

/** The key does not permit the call, which has not begun. */
export class ForbiddenCall extends ToolError {
  constructor(message: string) {
    super(message, undefined, new ForbiddenEnvelope(message));
  }
}

const LONGEST_NAME = 60;

interface Issue {
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
  readonly message: string;
}

/** Invalid input; names every field with its rule, then how to correct it. */
export class InvalidInput extends ToolError {
  constructor(issues: readonly Issue[], help = '') {
    super(`Invalid input. ${issues.map(sentence).join('; ')}. ${help}Correct it and call again.`);
  }
}

function sentence({ path = [], message }: Issue): string {
  const field = path.map((step) => shortened(String(typeof step === 'object' ? step.key : step))).join('.');
  return `${field === '' ? 'input' : field}: ${message}`;
}

/** A caller may invent names of any length. */
const shortened = (name: string): string =>
  name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name;
