import { z } from 'zod';

import { listOf } from './common.js';

export const SERVICE_STATES = ['created', 'deploying', 'running', 'stopping', 'stopped', 'failed'] as const;
export type ServiceState = (typeof SERVICE_STATES)[number];

/** Why a service last failed. Only `log_lines` is text of the service itself. */
export const serviceFailure = z.looseObject({
  reason: z.string(),
  exit_code: z.number().int().nullish(),
  failed_at: z.string().nullish(),
  failures_in_a_row: z.number().int().nullish(),
  log_lines: z.array(z.string()).nullish(),
});

export const containerService = z.looseObject({
  id: z.string(),
  service_slug: z.string(),
  display_name: z.string().optional(),
  service_type: z.string().optional(),
  service_status: z.string().optional(),
  /** Why it is not running. */
  status_reason: z.string().nullish(),
  service_desc: z.string().nullish(),
  exposed_port: z.number().nullish(),
  health_path: z.string().nullish(),
  url: z.string().nullish(),
  usage_prompt: z.string().nullish(),
  openapi_url: z.string().nullish(),
  env_config: z.array(z.looseObject({ env_name: z.string(), env_value: z.unknown().optional() })).nullish(),
  volume_config: z.array(z.looseObject({ host_path: z.unknown().optional() })).nullish(),
  /** How many copies of it are wanted, and how many can be called. */
  replica_count: z.number().nullish(),
  running_replicas: z.number().nullish(),
  /** Each copy, in the description of one service. */
  replicas: z
    .array(
      z.looseObject({
        replica: z.number().nullish(),
        replica_status: z.string().nullish(),
        agent_id: z.string().nullish(),
        updated_at: z.string().nullish(),
        /** How it last ended, also when it was restarted since. */
        last_exit: z
          .looseObject({
            reason: z.string().nullish(),
            exit_code: z.number().nullish(),
            signal: z.string().nullish(),
            exited_at: z.string().nullish(),
          })
          .nullish(),
        /** The end of what it has written. */
        log_lines: z.array(z.string()).nullish(),
      }),
    )
    .nullish(),
  /** Why it last failed; absent once it runs steadily again. */
  last_failure: serviceFailure.nullish(),
});
export type ContainerService = z.infer<typeof containerService>;

export const containerServiceList = listOf('service_list', containerService);
export type ContainerServiceList = z.infer<typeof containerServiceList>;

export const INVOKE_METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'] as const;

/** Path on the service: starts with one slash and contains no host. */
export const INVOKE_PATH = /^\/(?![/\\])[^\s\\#]*$/;

const HEADER_NAME = /^[!#$%&'*+.^`|~\w-]+$/;
const HEADER_VALUE = /^[\t\u0020-\u007E\u0080-\u00FF]*$/;

/** Bytes of all header names and values of a call; many services accept no more, and the tunnel needs a limit. */
export const INVOKE_HEADERS_LIMIT = 32_768;

/** Size of headers for {@link INVOKE_HEADERS_LIMIT}, as they are sent. */
export const sizeOfHeaders = (headers: Readonly<Record<string, unknown>>): number =>
  Object.entries(headers).reduce((sum, [name, value]) => sum + name.length + String(value).length + 4, 0);

export const invokeRequest = z.object({
  method: z.enum(INVOKE_METHODS),
  path: z.string().max(8192).regex(INVOKE_PATH),
  body_base64: z.base64().optional(),
  headers: z
    .record(z.string().regex(HEADER_NAME), z.string().regex(HEADER_VALUE))
    .refine((headers) => sizeOfHeaders(headers) <= INVOKE_HEADERS_LIMIT)
    .optional(),
});
export type InvokeRequest = z.infer<typeof invokeRequest> & {
  /** Bytes of a body above which it is stored and linked; needs the feature. */
  readonly link_above?: number | undefined;
  /** The same for an image that its caller shows to a model. */
  readonly link_images_above?: number | undefined;
};

/** The body of an answer as a file that opens without a key. */
export const bodyLink = z.looseObject({
  url: z.string(),
  file_name: z.string().optional(),
  content_type: z.string().optional(),
  size: z.number().int().optional(),
  expires_at: z.string().optional(),
});
export type BodyLink = z.infer<typeof bodyLink>;

/** The service's own response, errors included; a header may have several values. */
export const invokeAnswer = z.looseObject({
  status_code: z.number().int(),
  headers: z.record(z.string(), z.union([z.string(), z.array(z.string())])).nullish(),
  /** Absent where it is too large for JSON. */
  body_base64: z.string().nullish(),
  body_link: bodyLink.nullish().describe('Of a large body: the whole of it, without a key until expires_at'),
  /** Why there is no link. */
  link_fault: z.string().nullish(),
});
export type InvokeAnswer = z.infer<typeof invokeAnswer>;
