import { parentPort } from 'node:worker_threads';

import { answerQuestions } from '../deadline-worker/deadline-worker.ts';
import { readYamlText } from './yaml-text.ts';

// The worker thread that parses YAML: a short text can take the parser very long.
answerQuestions(parentPort, readYamlText);
