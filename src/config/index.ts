export { Addresses } from './addresses.js';
export { CONFIG, type Config, type Role } from './config.js';
export { ConfigModule } from './config.module.js';
export { type Limits, LIMITS } from './limits.js';
export { packagePaths, packageVersion } from './package-paths.js';
export { readAgentKey, readConfig, SettingError, unknownVariables } from './read-config.js';
export { settingsOf } from './setting.decorator.js';
export { Settings } from './settings.js';
export { StartError } from './start-error.js';
