import { parentPort } from 'node:worker_threads';

import { answerQuestions } from '../deadline-worker/answer-questions.ts';
import { readYamlText } from './yaml-text.ts';

// The thread that reads YAML texts: the parser takes exponential time over `? ? ? ?`.
answerQuestions(parentPort, readYamlText);
