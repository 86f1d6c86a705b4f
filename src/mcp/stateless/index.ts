export { SdkHandler } from './sdk-handler.js';
export { StatelessEndpoint } from './stateless-endpoint.js';
export { StatelessModule } from './stateless.module.js';
