import { parentPort } from 'node:worker_threads';

import { answerQuestions } from '../deadline-worker/answer-questions.ts';
import { readYamlText } from './yaml-text.ts';

// The thread that reads YAML texts: a short one can take the library very long.
answerQuestions(parentPort, readYamlText);
