export { boundConnections } from './bound-connections.js';
