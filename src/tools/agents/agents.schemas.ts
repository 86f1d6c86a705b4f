import { agentList } from '../../contract/index.js';
import { outputOf, type PageInput, pageInput } from '../tool-definition.js';

export const listAgentsInput = pageInput;
export type ListAgentsInput = PageInput;
export const listAgentsOutput = outputOf(agentList);
