import { Global, Module } from '@nestjs/common';

import { Engine } from './engine.js';
import { PgBossEngine } from './pg-boss.engine.js';

/** The queue, started before anybody gets hold of it. */
@Global()
@Module({
  providers: [
    PgBossEngine,
    {
      provide: Engine,
      inject: [PgBossEngine],
      useFactory: async (engine: PgBossEngine): Promise<Engine> => {
        await engine.start();
        return engine;
      },
    },
  ],
  exports: [Engine],
})
export class EngineModule {}
