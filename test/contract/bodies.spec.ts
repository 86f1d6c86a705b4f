import { describe, expect, it } from 'vitest';

import { RestValidationPipe } from '../../src/runtime/rest/rest-validation.pipe.js';
import { BODIES } from './bodies.js';

const pipe = new RestValidationPipe();

describe.each(BODIES)('$name', ({ type = 'body', schema, dto, accepted, rejected }) => {
  const validated = (body: object): Promise<unknown> =>
    pipe.transform(structuredClone(body), { type, metatype: dto });

  it.each(accepted)('client and runtime accept %j', async (body) => {
    expect(schema.safeParse(body).error).toBeUndefined();
    await expect(validated(body)).resolves.toBeInstanceOf(dto);
  });

  it.each(rejected)('client and runtime reject %j', async (body) => {
    expect(schema.safeParse(body).success).toBe(false);
    await expect(validated(body)).rejects.toMatchObject({ status: 400 });
  });
});
