export { Addresses, originOf } from './addresses.js';
export {
  CONFIG,
  type Config,
  readAgentKey,
  readConfig,
  type Role,
  SettingError,
  StartError,
  unknownVariables,
} from './config.js';
export { ConfigModule } from './config.module.js';
export { isStartedByNpm, packagePaths, packageVersion, stateDirectory } from './environment.js';
export { type Limits, LIMITS } from './limits.js';
export { settingsOf } from './setting.decorator.js';
export { Settings } from './settings.js';
