// The built server in role mcp, with limits that a test can wait for.
import 'reflect-metadata';

import { readConfig } from '../../dist/config/index.js';
import { serve } from '../../dist/serve.js';

const [role, limits] = process.argv.slice(2);
const config = readConfig(role);
await serve({ ...config, limits: { ...config.limits, ...JSON.parse(limits) } });
