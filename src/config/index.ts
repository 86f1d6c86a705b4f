export { AGENT_OPTIONS, type AgentConfig, type AgentFlags, readAgentConfig } from './agent-config.js';
export { Addresses, bareHost, originOf } from './addresses.js';
export {
  CONFIG,
  type Config,
  readConfig,
  type Role,
  servesConsole,
  SettingError,
  StartError,
  unknownVariables,
} from './config.js';
export { errorText } from './error-text.js';
export { ConfigModule } from './config.module.js';
export {
  type KeyRule,
  loadOAuthFileReader,
  type OAuthConfig,
  type OAuthFileReader,
  type OAuthIssuer,
} from './oauth-config.js';
export { type Proxies, proxyFor, proxyVariables, readProxies } from './proxies.js';
export { isStartedByNpm, packagePaths, packageVersion, stateDirectory } from './environment.js';
export { type Limits, LIMITS } from './limits.js';
export { type SettingDescription, settingsOf } from './setting.decorator.js';
export { Settings } from './settings.js';
export { StandaloneAgentSettings } from './standalone-agent-settings.js';
export { type TraceSettings, traceVariables } from './trace-settings.js';
