import { Module } from '@nestjs/common';

import { Addresses, CONFIG, type Config, loadOAuthFileReader } from '../../config/index.js';
import type { AccessTokens } from './access-tokens.js';

/** {@link AccessTokens}, where OAuth is configured. */
export const ACCESS_TOKENS = Symbol('ACCESS_TOKENS');

async function accessTokens(
  { oauthFile, limits }: Config,
  addresses: Addresses,
): Promise<AccessTokens | undefined> {
  if (oauthFile === undefined) return undefined;
  const [{ AccessTokens }, { OAuthFile }, reader] = await Promise.all([
    import('./access-tokens.js'),
    import('./oauth-file.js'),
    loadOAuthFileReader(),
  ]);
  return new AccessTokens(new OAuthFile(oauthFile, reader, limits.oauthCheckMs), addresses);
}

/** Access tokens of OAuth beside keys. Nothing of it is loaded unless its file is configured. */
@Module({
  providers: [{ provide: ACCESS_TOKENS, inject: [CONFIG, Addresses], useFactory: accessTokens }],
  exports: [ACCESS_TOKENS],
})
export class OAuthModule {}
