import { hash } from 'node:crypto';

import { Logger } from '@nestjs/common';

import { type OAuthConfig, type OAuthFileReader, SettingError } from '../../config/index.js';
import { ACCESS } from './protected-resource.js';

/** Changes when anything in it does, a key included. */
const fingerprint = (config: OAuthConfig): string => hash('sha256', JSON.stringify(config), 'base64url');

/**
 * The file of OAuth with the keys that it names, read at intervals: a mounted secret is replaced by a link, which watchers do
 * not report.
 */
export class OAuthFile {
  private readonly logger = new Logger('OAuth');
  private timer: NodeJS.Timeout | undefined;
  private config: OAuthConfig;
  private known: ReadonlySet<string> = new Set();
  private lastProblem = '';
  private onChangeListener: (config: OAuthConfig) => void = () => undefined;

  /** @throws {SettingError} */
  constructor(
    private readonly path: string,
    private readonly reader: OAuthFileReader,
    private readonly checkMs: number,
  ) {
    this.config = reader(path);
  }

  get current(): OAuthConfig {
    return this.config;
  }

  /** Calls back with what the file says now, after a change. */
  onChange(listener: (config: OAuthConfig) => void): void {
    this.onChangeListener = listener;
  }

  /**
   * Begins to look for changes.
   *
   * @param permissions that tools need.
   * @throws {SettingError} when the file limits another one.
   */
  watch(permissions: ReadonlySet<string>): void {
    this.known = permissions;
    this.check(this.config);
    this.timer = setInterval(() => this.read(), this.checkMs).unref();
  }

  close(): void {
    clearInterval(this.timer);
  }

  /** Keeps what was valid before when the file is not. */
  private read(): void {
    try {
      const config = this.reader(this.path);
      this.check(config);
      this.lastProblem = '';
      if (fingerprint(config) === fingerprint(this.config)) return;
      this.config = config;
      this.onChangeListener(config);
      this.logger.log(`${this.path} or a key that it names has changed and was read again.`);
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.lastProblem) this.logger.error(`${message} What was read before stays in use.`);
      this.lastProblem = message;
    }
  }

  /** A misspelt permission would leave the right one to every token. */
  private check({ scopes }: OAuthConfig): void {
    const names = [ACCESS, ...this.known];
    const unknown = Object.keys(scopes).find((name) => !names.includes(name));
    if (unknown === undefined) return;
    throw new SettingError(
      `${this.path} cannot be used: scopes has "${unknown}", which is no permission of a tool. There are: ${names.join(', ')}.`,
    );
  }
}
