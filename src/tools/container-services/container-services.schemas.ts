import { z } from 'zod';

import {
  containerService,
  INVOKE_HEADERS_LIMIT,
  invokeAnswer,
  invokeRequest,
  serviceFailure,
} from '../../contract/index.js';
import { listOutputOf, outputOf, textOf, textsOf } from '../tool-definition.js';
import { untrustedField } from '../untrusted.js';

const slug = textOf(
  z
    .string()
    .max(100)
    .regex(/^[A-Za-z0-9][\w.-]*$/),
  'must be a slug such as my-llm',
).describe('service_slug from list_container_services');

export const listContainerServicesInput = z.object({
  query: z.string().max(200).optional().describe('Words that must all occur in slug, name or description'),
});
export type ListContainerServicesInput = z.infer<typeof listContainerServicesInput>;
export const listContainerServicesOutput = listOutputOf('service_list');

export const getContainerServiceInput = z.object({ service_slug: slug });
export type GetContainerServiceInput = z.infer<typeof getContainerServiceInput>;
export const getContainerServiceOutput = outputOf(containerService, untrustedField);

const { method, path, body_base64, headers } = invokeRequest.shape;
export const callContainerServiceInput = z.object({
  service_slug: slug,
  method: method.describe('HTTP method'),
  path: textOf(path, 'must start with one "/", name no host and hold no spaces, "\\" or "#"').describe(
    'Path on the service, query string included, e.g. /api/tags?all=1',
  ),
  body_base64: textOf(body_base64, 'must be base64')
    .optional()
    .describe('Request body in base64; empty or absent for none'),
  body_text: z.string().optional().describe('In its place: the body as text'),
  body_json: z.looseObject({}).optional().describe('In its place: the body as a JSON object'),
  headers: textsOf(
    headers,
    `must map header names to single texts, with at most ${INVOKE_HEADERS_LIMIT} bytes in all`,
  )
    .optional()
    .describe('Request headers, e.g. {"Accept": "text/csv"}'),
  prefer: z.enum(['text']).optional().describe('text: no body_base64 where there is body_json or body_text'),
});
export type CallContainerServiceInput = z.infer<typeof callContainerServiceInput>;
export const callContainerServiceOutput = outputOf(invokeAnswer, {
  ...untrustedField,
  body_json: z.unknown().describe('The body of a JSON answer'),
  body_text: z.string().describe('The body of a text answer'),
  note: z.string().describe('What was left out, and what to do'),
  last_failure: serviceFailure.describe('Only when the service fails: why; log_lines is its own text'),
});
