import { IsBoolean, IsNotEmpty, IsUrl } from 'class-validator';

import { Setting } from './setting.decorator.js';
import {
  Each,
  HOST,
  HOUR_MS,
  Is,
  Optional,
  ORIGIN,
  RUNTIME_BASE,
  WEB_URL,
  WholeNumber,
} from './setting-rules.js';

/** Addresses of the process, and of the Runtime API. */
export class NetworkSettings {
  @Setting({
    env: 'CYBERUN_HTTP_HOST',
    meaning:
      'Address to listen on. To be reachable from other machines use 0.0.0.0, or :: which takes IPv6 and IPv4.',
    example: '127.0.0.1',
  })
  @IsNotEmpty()
  @Is(HOST)
  httpHost: string = '127.0.0.1';

  @Setting({
    env: 'CYBERUN_HTTP_PORT',
    meaning: 'Port to listen on; 0 picks a free one and prints it.',
    example: '8080',
  })
  @WholeNumber(0, 65535)
  httpPort: number = 8080;

  @Setting({
    env: 'CYBERUN_HTTP_PUBLIC_URL',
    meaning:
      'Address clients use. It is shown to clients, it signs file links, and its host is allowed in the Host header.',
    example: 'https://mcp.example.com',
    defaultText: 'from host and port',
  })
  @Optional(IsUrl(WEB_URL))
  httpPublicUrl?: string;

  @Setting({
    env: 'CYBERUN_HTTP_CORS_ORIGINS',
    meaning: 'Origins whose pages may call the endpoint, separated by commas.',
    example: 'https://app.example.com',
    defaultText: 'as CYBERUN_MCP_ALLOWED_ORIGINS',
  })
  @Optional(Each(ORIGIN))
  httpCorsOrigins?: string[];

  @Setting({
    env: 'CYBERUN_HTTP_DRAIN_SECONDS',
    meaning:
      'How long the server goes on serving after SIGTERM, while load balancers see at /health/ready that it is shutting down, and each answer ends its connection.',
    example: '5',
  })
  @WholeNumber(0, 300)
  httpDrainSeconds: number = 0;

  @Setting({
    env: 'CYBERUN_HEALTH_PORT',
    meaning:
      'Port of a thread that answers /health/live and /health/ready also while the server is overloaded, on the address of CYBERUN_HTTP_HOST; 0 picks a free one and logs it.',
    example: '9465',
    defaultText: 'empty: only CYBERUN_HTTP_PORT answers them',
  })
  @Optional(WholeNumber(0, 65535))
  healthPort?: number;

  @Setting({
    env: 'CYBERUN_HEALTH_STALL_SECONDS',
    meaning:
      'Seconds without a turn of the event loop after which /health/live on CYBERUN_HEALTH_PORT fails, so that the server is restarted.',
    example: '30',
  })
  @WholeNumber(2, 3600)
  healthStallSeconds: number = 30;

  @Setting({
    env: 'CYBERUN_RUNTIME_URL',
    meaning: 'Base URL of the Runtime API that role mcp stands in front of, ending in /api/v1.',
    example: 'https://core.cyberun.cloud/api/v1',
    defaultText: 'empty: the embedded runtime',
  })
  @Optional(IsUrl(WEB_URL), Is(RUNTIME_BASE))
  runtimeUrl?: string;

  @Setting({
    env: 'CYBERUN_RUNTIME_FORWARD_LINKS',
    meaning:
      'Whether role mcp passes requests for links to files (/api/v1/links, /api/v1/uploads, /api/v1/files) on to the Runtime API, without a key: true or false. For a runtime with the same CYBERUN_HTTP_PUBLIC_URL, where all paths lead here.',
    example: 'true',
  })
  @IsBoolean({ message: '$property must be true or false' })
  runtimeForwardLinks: boolean = false;

  @Setting({
    env: 'CYBERUN_RUNTIME_TIMEOUT_MS',
    meaning: 'Deadline of one call to the Runtime API in milliseconds, the body of the answer included.',
    example: '30000',
  })
  @WholeNumber(100, HOUR_MS)
  runtimeTimeoutMs: number = 30_000;

  @Setting({
    env: 'CYBERUN_RUNTIME_RESPONSE_LIMIT_BYTES',
    meaning: 'Largest answer of the Runtime API that is read, in bytes; a 48th of the heap, if that is less.',
    example: '33554432',
  })
  @WholeNumber(1024)
  runtimeResponseLimitBytes: number = 33_554_432;
}
