import { RUN_BODY_KEYS, type Workflow } from '../../contract/index.js';

type Body = Readonly<Record<string, unknown>>;

const RESERVED: ReadonlySet<string> = new Set(RUN_BODY_KEYS);

/**
 * The REST body for what a caller gave as `body`: that body itself, or the bare parameters. Only a name the API
 * reserves makes it doubtful; then the workflow's own parameters tell.
 */
export async function runRequestFor(body: Body, workflow: () => Promise<Workflow>): Promise<Body> {
  if (!Object.keys(body).some((key) => RESERVED.has(key))) return { parameters: body };
  const { parameters } = await workflow();
  return resolved(body, new Set(parameters?.map(({ key }) => key)));
}

function resolved(body: Body, parameters: ReadonlySet<string>): Body {
  if (isRestBody(body, parameters)) return body;
  const entries = Object.entries(body);
  const isOption = ([key]: [string, unknown]): boolean => RESERVED.has(key) && !parameters.has(key);
  return {
    ...Object.fromEntries(entries.filter(isOption)),
    parameters: Object.fromEntries(entries.filter((entry) => !isOption(entry))),
  };
}

/** Whether `parameters` is the API's field and not a parameter that happens to have its name. */
function isRestBody({ parameters: inner, ...others }: Body, parameters: ReadonlySet<string>): boolean {
  if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return false;
  if (!parameters.has('parameters')) return true;
  return (
    Object.keys(inner).every((key) => parameters.has(key)) &&
    Object.keys(others).every((key) => !parameters.has(key))
  );
}
