import { Global, Module } from '@nestjs/common';

import { JsonBodies } from './json-bodies.js';

/** What the bodies and answers of all REST calls together may take, for every part that has routes. */
@Global()
@Module({ providers: [JsonBodies], exports: [JsonBodies] })
export class RestBudgetsModule {}
