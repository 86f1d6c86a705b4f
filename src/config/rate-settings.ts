import { Setting } from './setting.decorator.js';
import { EachNetwork, Optional, WholeNumber } from './setting-rules.js';
import { NetworkSettings } from './network-settings.js';

const MOST_PER_MINUTE = 1_000_000;

/** How much clients may ask for, and how their addresses are known. */
export class RateSettings extends NetworkSettings {
  @Setting({
    env: 'CYBERUN_HTTP_TRUSTED_PROXIES',
    meaning:
      'Addresses or networks of proxies whose X-Forwarded-For header tells the address of the client, separated by commas; they have no limit by address themselves.',
    example: '10.0.0.0/8,fd00::/8',
    defaultText: 'empty: the address of the connection is that of the client',
  })
  @EachNetwork()
  httpTrustedProxies: string[] = [];

  @Setting({
    env: 'CYBERUN_HTTP_RATE_PER_ADDRESS',
    meaning:
      'Requests per minute of one address, or one IPv6 network of 64 bits, to the MCP endpoint and the REST API; further ones are refused with 429. So many may come at once.',
    example: '3000',
    defaultText: 'empty: no limit',
  })
  @Optional(WholeNumber(1, MOST_PER_MINUTE))
  httpRatePerAddress?: number;

  @Setting({
    env: 'CYBERUN_HTTP_RATE_PER_KEY',
    meaning:
      'The same for one key. With CYBERUN_REDIS_URL all replicas of the MCP endpoint count together, also for addresses.',
    example: '1200',
    defaultText: 'empty: no limit',
  })
  @Optional(WholeNumber(1, MOST_PER_MINUTE))
  httpRatePerKey?: number;

  @Setting({
    env: 'CYBERUN_HTTP_FAILED_KEYS_PER_ADDRESS',
    meaning:
      'Keys that are not valid per minute of one address; after that, its requests with keys that were not valid before are refused with 429 unchecked.',
    example: '30',
    defaultText: 'empty: no limit',
  })
  @Optional(WholeNumber(1, MOST_PER_MINUTE))
  httpFailedKeysPerAddress?: number;

  @Setting({
    env: 'CYBERUN_MCP_CALLS_PER_KEY',
    meaning:
      'MCP requests of one key that one process answers at the same time, without those in the next setting; further ones are refused with 429.',
    example: '50',
    defaultText: 'empty: no limit but `requests_per_key` of the bounds',
  })
  @Optional(WholeNumber(1, MOST_PER_MINUTE))
  mcpCallsPerKey?: number;

  @Setting({
    env: 'CYBERUN_MCP_STREAMS_PER_KEY',
    meaning:
      'Streams of one key that one process has open: of GET, subscriptions, and calls whose answer is a stream from the start, as of `stream_task_events`; further ones are refused with 429.',
    example: '100',
    defaultText: 'empty: no limit but `requests_per_key` of the bounds',
  })
  @Optional(WholeNumber(1, MOST_PER_MINUTE))
  mcpStreamsPerKey?: number;
}
