import { setTimeout as delay } from 'node:timers/promises';

import { Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { Redis, RedisOptions } from 'ioredis';

import { errorText } from '../../config/index.js';
import { CODE, JsonRpcHttpError } from '../protocol/index.js';
import { type Scripts, SCRIPTS } from './redis-scripts.js';

/** The channel of all replicas. A later form of the messages gets a new channel. */
const CHANNEL = 'cyberun:mcp:replicas:2';
/** Longer than usual pauses of the process or the machine. */
const COMMAND_LIMIT_MS = 2000;
/** A socket without a reply for this long is dead, even if it is not closed. */
const SOCKET_LIMIT_MS = 3000;
const HEARTBEAT_MS = 5000;
const LONGEST_PAUSE_MS = 1000;
const START_LIMIT_MS = 2000;

/** A command fails at once instead of waiting for a connection: the client gets 503 with Retry-After. */
const OPTIONS = {
  lazyConnect: true,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  commandTimeout: COMMAND_LIMIT_MS,
  connectTimeout: COMMAND_LIMIT_MS,
  socketTimeout: SOCKET_LIMIT_MS,
  retryStrategy: (times) => Math.min(times * 50, LONGEST_PAUSE_MS),
} satisfies RedisOptions;

/** Two connections to Redis, for commands and for messages; both reconnect. */
export class RedisConnection implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger('Redis');
  private readonly connected = Promise.withResolvers<void>();
  private isListening = false;
  private isMissed = false;
  private isClosing = false;
  private heartbeat: NodeJS.Timeout | undefined;

  private constructor(
    private readonly commands: Redis & Scripts,
    private readonly subscriber: Redis,
  ) {
    for (const redis of [this.commands, this.subscriber]) this.watch(redis);
    this.commands.on('ready', () => this.arrived());
    this.subscriber.on('ready', () => void this.listen());
  }

  /** Connections that are opened with the module. The client is loaded here, because most processes have no Redis. */
  static async to(url: string): Promise<RedisConnection> {
    const { Redis } = await import('ioredis');
    const commands = new Redis(url, { ...OPTIONS, enableAutoPipelining: true, scripts: SCRIPTS });
    return new RedisConnection(commands as Redis & Scripts, new Redis(url, OPTIONS));
  }

  /** Whether commands are answered and messages of other replicas arrive. */
  get isUp(): boolean {
    return this.isListening && this.commands.status === 'ready';
  }

  /** Waits for Redis for a moment, then starts without it. */
  async onModuleInit(): Promise<void> {
    for (const redis of [this.commands, this.subscriber]) redis.connect().catch(() => undefined);
    this.heartbeat = setInterval(() => this.beat(), HEARTBEAT_MS).unref();
    await Promise.race([this.connected.promise, delay(START_LIMIT_MS, undefined, { ref: false })]);
  }

  /**
   * Runs one command.
   *
   * @throws {JsonRpcHttpError} 503 when Redis does not answer, or messages of other replicas cannot arrive.
   */
  async run<Answer>(command: (redis: Redis & Scripts) => Promise<Answer>): Promise<Answer> {
    if (this.isUp) {
      try {
        return await command(this.commands);
      } catch (error) {
        this.logger.warn({ message: 'A command failed.', reason: errorText(error) });
      }
    }
    const headers = { 'Retry-After': '1' };
    throw new JsonRpcHttpError(503, CODE.serverError, 'Sessions cannot be reached. Try again in a moment.', {
      headers,
    });
  }

  async publish(text: string): Promise<void> {
    await this.run((redis) => redis.publish(CHANNEL, text));
  }

  /** Calls back for every message, including those of this replica. */
  onPublished(listener: (text: string) => void): void {
    this.subscriber.on('message', (_channel: string, text: string) => listener(text));
  }

  async onApplicationShutdown(): Promise<void> {
    this.isClosing = true;
    clearInterval(this.heartbeat);
    // Waits for commands in flight, such as the release of a lease.
    await this.commands.quit().catch(() => undefined);
    for (const redis of [this.commands, this.subscriber]) redis.disconnect();
  }

  private async listen(): Promise<void> {
    try {
      await this.subscriber.subscribe(CHANNEL);
      this.isListening = true;
      this.arrived();
    } catch (error) {
      this.logger.debug(errorText(error));
      this.subscriber.disconnect(true);
    }
  }

  private arrived(): void {
    if (!this.isUp) return;
    this.connected.resolve();
    if (this.isMissed) this.logger.log('Redis is back.');
    this.isMissed = false;
  }

  private watch(redis: Redis): void {
    let reason = 'the connection was closed';
    redis.on('error', (error) => (reason = errorText(error)));
    redis.on('close', () => {
      if (redis === this.subscriber) this.isListening = false;
      if (this.isMissed || this.isClosing) return;
      this.isMissed = true;
      const message = 'Redis is gone: requests in sessions of 2025-era clients get 503 until it is back.';
      this.logger.warn({ message, reason });
    });
  }

  private beat(): void {
    for (const redis of [this.commands, this.subscriber]) redis.ping().catch(() => undefined);
  }
}
