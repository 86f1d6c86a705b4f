import { agentList } from '../../contract/index.js';
import { type PageInput, pageInput } from '../inputs.js';
import { outputOf } from '../output.js';

export const listAgentsInput = pageInput;
export type ListAgentsInput = PageInput;
export const listAgentsOutput = outputOf(agentList);
