export type { AccessTokens } from './access-tokens.js';
export { ACCESS_TOKENS, OAuthModule } from './oauth.module.js';
export { OAUTH_PATHS, oauthEndpoints } from './oauth-endpoints.js';
export { challengeOf, ExpiredTokenError } from './protected-resource.js';
