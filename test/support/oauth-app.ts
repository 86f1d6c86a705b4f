import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Type } from '@nestjs/common';
import { stringify } from 'yaml';

import type { Limits } from '../../src/config/index.js';
import { AuthorizationServer, type TokenChanges } from './authorization-server.js';
import { FakeRuntime, McpApp } from './mcp-app.js';

/** The key of the runtime that stands for tokens. */
export const TEAM_KEY = 'sk-team-0123456789abcdefghij';
/** Another one, in the file `other.key`. */
export const OTHER_KEY = 'sk-other-0123456789abcdefghij';

interface Options {
  /** In place of those of a rule for every token. */
  readonly keys?: readonly object[];
  /** More of the issuer. */
  readonly issuer?: Record<string, unknown>;
  /** More issuers. */
  readonly issuers?: readonly object[];
  /** More of the file. */
  readonly file?: Record<string, unknown>;
  /** More settings. */
  readonly settings?: Record<string, string>;
  readonly limits?: Partial<Limits>;
  readonly modules?: readonly Type[];
  readonly controllers?: readonly Type[];
}

/** The endpoint with an authorization server whose tokens it accepts. */
export class OAuthApp implements AsyncDisposable {
  private constructor(
    readonly app: McpApp,
    readonly runtime: FakeRuntime,
    readonly issuer: AuthorizationServer,
    /** Has the file of OAuth, and those with keys. */
    readonly folder: string,
  ) {}

  static async start({
    settings = {},
    limits = {},
    modules = [],
    controllers = [],
    ...given
  }: Options = {}): Promise<OAuthApp> {
    const folder = mkdtempSync(join(tmpdir(), 'oauth-'));
    const issuer = await AuthorizationServer.start();
    const runtime = new FakeRuntime();
    writeFileSync(join(folder, 'team.key'), `${TEAM_KEY}\n`);
    writeFileSync(join(folder, 'other.key'), `${OTHER_KEY}\n`);
    const file = join(folder, 'oauth.yaml');
    writeFileSync(file, stringify(contentFor(issuer.issuer, given)));
    const environment = { ...settings, CYBERUN_OAUTH_FILE: file };
    try {
      const app = await McpApp.start({ environment, limits, modules, controllers, runtime });
      return new OAuthApp(app, runtime, issuer, folder);
    } catch (error) {
      await issuer[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** What tokens are for. */
  get resource(): string {
    return this.app.url;
  }

  get metadataUrl(): string {
    return `${this.app.origin}/.well-known/oauth-protected-resource/api/v1/mcp`;
  }

  /** A token for this server. */
  token(changes: TokenChanges = {}): Promise<string> {
    return this.issuer.token(this.resource, changes);
  }

  /** Replaces the file by one with these options. */
  rewrite(options: Options): void {
    this.write('oauth.yaml', stringify(contentFor(this.issuer.issuer, options)));
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.folder, name), text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.app[Symbol.asyncDispose]();
    await this.issuer[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true });
  }
}

const contentFor = (issuer: string, { keys, issuer: more, issuers = [], file }: Options): object => ({
  ...file,
  issuers: [{ issuer, keys: keys ?? [{ key_file: 'team.key' }], ...more }, ...issuers],
});
