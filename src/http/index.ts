export { BodyRoom, isLight, type Release } from './body-room.js';
export { boundConnections } from './bound-connections.js';
export { GatheredBytes } from './gathered-bytes.js';
export { MemoryBudget } from './memory-budget.js';
export { closeUnlessRead } from './refused-body.js';
export { allowTime } from './slow-requests.js';
