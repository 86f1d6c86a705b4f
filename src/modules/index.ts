export { checkExtensionTools } from './extension-tools.js';
export { type ExtensionModule, loadModules } from './load-modules.js';
