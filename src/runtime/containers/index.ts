export { ContainersModule } from './containers.module.js';
