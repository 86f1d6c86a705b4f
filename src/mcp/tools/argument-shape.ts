import { InvalidInput } from '../protocol/index.js';

/**
 * Far more than arguments need, and far below the depth at which JSON.stringify, structuredClone and validators fail.
 */
const DEEPEST = 256;
const TOO_DEEP = `must not be nested more than ${DEEPEST} levels deep`;
/** As a member it would set the prototype of a copy; libraries drop it silently. */
const PROTOTYPE = '__proto__';
const NOT_A_NAME = 'is not a name that an argument can have';

/**
 * Rejects arguments that later code could not process.
 *
 * @throws {InvalidInput}
 */
export function requireSoundShape(args: unknown): void {
  if (!isObject(args)) return;
  for (const name of Object.keys(args)) {
    const message = faultOf(name, args, DEEPEST);
    if (message !== undefined) throw new InvalidInput([{ path: [name], message }]);
  }
}

function faultOf(name: string, parent: object, levels: number): string | undefined {
  if (name === PROTOTYPE) return NOT_A_NAME;
  const value: unknown = Reflect.get(parent, name);
  return isObject(value) ? faultIn(value, levels) : undefined;
}

function faultIn(value: object, levels: number): string | undefined {
  if (levels === 0) return TOO_DEEP;
  if (Array.isArray(value)) return faultInList(value, levels);
  for (const name of Object.keys(value)) {
    const message = faultOf(name, value, levels - 1);
    if (message !== undefined) return name === PROTOTYPE ? `${PROTOTYPE} ${message}` : message;
  }
  return undefined;
}

function faultInList(list: readonly unknown[], levels: number): string | undefined {
  for (const item of list) {
    const message = isObject(item) ? faultIn(item, levels - 1) : undefined;
    if (message !== undefined) return message;
  }
  return undefined;
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
