import { Global, Module } from '@nestjs/common';

import { Database } from '../database/index.js';
import { Engine } from './engine.js';

/** The queue, started before another provider gets it. */
@Global()
@Module({
  providers: [
    {
      provide: Engine,
      inject: [Database],
      useFactory: async (database: Database): Promise<Engine> => {
        const engine = new Engine(database);
        await engine.start();
        return engine;
      },
    },
  ],
  exports: [Engine],
})
export class EngineModule {}
