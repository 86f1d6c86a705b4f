export { HOST_PATHS, PageModule } from './page.module.js';
