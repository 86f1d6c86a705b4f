import { z } from 'zod';

import { PULL_POLICIES } from '../../contract/index.js';

/** As `docker pull` takes it: registry and repository, with a tag or digest. */
export const image = z
  .string()
  .max(500)
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]*(:\d+)?(\/[a-z0-9][a-z0-9._-]*)*(:\w[\w.-]*)?(@sha256:[0-9a-f]{64})?$/,
    'must be the name of an image, such as docker.io/library/python:3.13-slim',
  );

export const pullPolicy = z.enum(PULL_POLICIES, `must be one of ${PULL_POLICIES.join(', ')}`);

const absolute = /^\/(?!.*\/\.\.?(?:\/|$))[^:\0]*$/;
export const hostPath = z.string().regex(absolute, 'must be an absolute path without ":", "." and ".."');
export const containerPath = z
  .string()
  .regex(absolute, 'must be an absolute path without ":", "." and ".."')
  .refine((path) => /[^/]/.test(path), 'must be a path in the container other than "/"');

export const cpu = z.number('must be a number of processors, such as 1.5').min(0.01).max(1024);

const UNITS: Readonly<Record<string, number>> = { Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3, Ti: 1024 ** 4 };
/** Engines refuse less. */
const LEAST_MEMORY = 6 * 1024 ** 2;
const MEMORY = 'must be a size of at least 6Mi, such as 512Mi or 4Gi';

/** Parsed to bytes. */
export const memory = z.string(MEMORY).transform((text, context) => {
  const [, count = '', unit = ''] = /^(\d+(?:\.\d+)?)(Ki|Mi|Gi|Ti)$/.exec(text) ?? [];
  const bytes = Math.round(Number(count) * (UNITS[unit] ?? 0));
  if (bytes >= LEAST_MEMORY && Number.isSafeInteger(bytes)) return bytes;
  context.addIssue({ code: 'custom', message: MEMORY });
  return z.NEVER;
});

/** -1: all. */
export const gpuCount = z.number().int().min(-1).max(64);
