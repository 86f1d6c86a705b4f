export { ParameterCheck } from './parameter-check.js';
export type { SchemaReport } from './schema-faults.js';
