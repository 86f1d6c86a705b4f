import type { z } from 'zod';

import { responseFormat } from '../concise.js';
import { listOutputOf, pageInput } from '../tool-definition.js';

export const listAgentsInput = pageInput.extend({ response_format: responseFormat });
export type ListAgentsInput = z.infer<typeof listAgentsInput>;
export const listAgentsOutput = listOutputOf('agent_list');
