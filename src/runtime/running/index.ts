export { askRunningServer, type RunningServer } from './running-server.js';
export { RunningModule } from './running.module.js';
