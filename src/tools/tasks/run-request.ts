import { RUN_BODY_KEYS, type Workflow } from '../../contract/index.js';
import { fromJsonText, InvalidInput } from '../../mcp/index.js';

type Body = Readonly<Record<string, unknown>>;

const RESERVED: ReadonlySet<string> = new Set(RUN_BODY_KEYS);

/**
 * The REST body for the `body` of a caller, which is either that body itself or the bare parameters. Only a name that the
 * API reserves makes it ambiguous; then the workflow's own parameters decide.
 *
 * @throws {InvalidInput} when a part of it belongs to no parameter.
 */
export async function runRequestFor(body: Body, workflow: () => Promise<Workflow>): Promise<Body> {
  if (!Object.keys(body).some((key) => RESERVED.has(key))) return { parameters: body };
  const { parameters } = await workflow();
  return resolved(body, new Set(parameters?.map(({ key }) => key)));
}

function resolved(body: Body, names: ReadonlySet<string>): Body {
  const inner = objectOf(body['parameters']);
  if (Object.hasOwn(body, 'parameters') && (!names.has('parameters') || isRestBody(body, inner, names))) {
    return restBody(body, inner);
  }
  const entries = Object.entries(body);
  const isOption = ([key]: [string, unknown]): boolean => RESERVED.has(key) && !names.has(key);
  return {
    ...Object.fromEntries(entries.filter(isOption)),
    parameters: Object.fromEntries(entries.filter((entry) => !isOption(entry))),
  };
}

/** Whether `parameters` is the API's field, of a workflow that has a parameter of that name. */
function isRestBody(body: Body, inner: Body | undefined, names: ReadonlySet<string>): boolean {
  const others = Object.keys(body).filter((key) => key !== 'parameters');
  return (
    inner !== undefined &&
    Object.keys(inner).every((key) => names.has(key)) &&
    others.every((key) => !names.has(key))
  );
}

/** The body as the API takes it; every key beside `parameters` must be an option of the API. */
function restBody(body: Body, inner: Body | undefined): Body {
  const strays = Object.keys(body).filter((key) => !RESERVED.has(key));
  const faults = strays.map((key) => ({
    path: ['body', key],
    message: 'no such run option; put it into body.parameters',
  }));
  if (inner === undefined) {
    faults.push({
      path: ['body', 'parameters'],
      message: 'must be an object: a value by the key of each parameter',
    });
  }
  if (faults.length > 0) throw new InvalidInput(faults, `body takes ${RUN_BODY_KEYS.join(', ')}. `);
  return { ...body, parameters: inner };
}

/** Absent means no parameters; JSON text is parsed. */
function objectOf(given: unknown): Body | undefined {
  const value = typeof given === 'string' ? fromJsonText(given, ['object']) : (given ?? {});
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Body) : undefined;
}
