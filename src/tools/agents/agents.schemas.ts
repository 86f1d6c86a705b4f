import type { z } from 'zod';

import { agentList } from '../../contract/index.js';
import { responseFormat } from '../concise.js';
import { outputOf, pageInput } from '../tool-definition.js';

export const listAgentsInput = pageInput.extend({ response_format: responseFormat });
export type ListAgentsInput = z.infer<typeof listAgentsInput>;
export const listAgentsOutput = outputOf(agentList);
