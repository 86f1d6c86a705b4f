import { Global, Module } from '@nestjs/common';

import { AnswerBudget } from './answer-budget.js';
import { JsonBodies } from './json-bodies.js';

/** What the bodies and answers of all REST calls together may take, for every part that has routes. */
@Global()
@Module({ providers: [AnswerBudget, JsonBodies], exports: [AnswerBudget, JsonBodies] })
export class RestBudgetsModule {}
