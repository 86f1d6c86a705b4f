/** Fields that name a thing, of tools, routes and results; all others are arguments and stay out of the audit. */
const ID_FIELDS = [
  'task_id',
  'task_ids',
  'like_task_id',
  'workflow_id',
  'workflow_slug',
  'service_slug',
  'file_key',
  // In the paths of the Runtime API.
  'id',
  'slug',
] as const;
/** What an id or a name looks like; anything else may be text of a caller. */
const ID = /^[\w.@/-]{1,300}$/;
const MOST_IDS = 100;

type Ids = Record<string, string | readonly string[]>;

const isId = (value: unknown): value is string => typeof value === 'string' && ID.test(value);

/** The ids in the arguments of a call, its result or the parameters of a path. */
export function auditedIds(given: unknown): Ids {
  const ids: Ids = {};
  if (typeof given !== 'object' || given === null) return ids;
  for (const name of ID_FIELDS) {
    const value: unknown = Reflect.get(given, name);
    if (isId(value)) ids[name] = value;
    else if (Array.isArray(value)) ids[name] = value.filter(isId).slice(0, MOST_IDS);
  }
  return ids;
}
