const DEEPEST = 64;
const MOST_VALUES = 100_000;

/** Why parameters are not even looked at; counts without recursion, since it is what guards recursion. */
export function limitFault(parameters: Readonly<Record<string, unknown>>): string | undefined {
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

/** It was rounded while the request was read: what would run is not what was asked for. */
function unsafeInteger(value: unknown): string | undefined {
  if (typeof value !== 'number' || !Number.isInteger(value)) return undefined;
  if (Number.isSafeInteger(value) || Math.abs(value) >= 1e21) return undefined;
  return `holds an integer beyond ${Number.MAX_SAFE_INTEGER}, which JSON does not carry unchanged; use a smaller one, or a text where the workflow takes one`;
}
