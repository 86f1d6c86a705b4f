import type { Conversation } from './conversation.js';
import type { EvaluatedServer } from './evaluated-server.js';

/** What a person asks for, and the calls with which a good model fulfils it. */
export interface EvaluationCase {
  readonly request: string;
  /** Makes the calls and asserts the outcome. */
  readonly fulfil: (model: Conversation, server: EvaluatedServer) => Promise<void>;
  /** The key of the request, where it is not one that may do everything. */
  readonly key?: 'reader';
}
