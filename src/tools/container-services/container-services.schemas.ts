import { z } from 'zod';

import {
  containerService,
  containerServiceList,
  INVOKE_HEADERS_LIMIT,
  invokeAnswer,
  invokeRequest,
} from '../../contract/index.js';
import { outputOf, textOf, textsOf } from '../tool-definition.js';

const slug = textOf(
  z
    .string()
    .max(100)
    .regex(/^[A-Za-z0-9][\w.-]*$/),
  'must be a slug such as my-llm',
).describe('service_slug from list_container_services');

export const listContainerServicesInput = z.object({});
export const listContainerServicesOutput = outputOf(containerServiceList);

export const getContainerServiceInput = z.object({ service_slug: slug });
export type GetContainerServiceInput = z.infer<typeof getContainerServiceInput>;
export const getContainerServiceOutput = outputOf(containerService);

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
  headers: textsOf(
    headers,
    `must map header names to single texts, with at most ${INVOKE_HEADERS_LIMIT} bytes in all`,
  )
    .optional()
    .describe('Request headers, e.g. {"Content-Type": "application/json"}'),
});
export type CallContainerServiceInput = z.infer<typeof callContainerServiceInput>;
export const callContainerServiceOutput = outputOf(invokeAnswer);
