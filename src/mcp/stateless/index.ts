export { ModernEndpoint } from './modern-endpoint.js';
export { SdkModern } from './sdk-modern.js';
export { StatelessModule } from './stateless.module.js';
