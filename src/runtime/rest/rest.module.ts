import { type MiddlewareConsumer, Module, type NestModule, RequestMethod } from '@nestjs/common';

import { FilesModule } from '../files/index.js';
import { TasksModule } from '../tasks/index.js';
import { WorkflowsModule } from '../workflows/index.js';
import { FilesController } from './files.controller.js';
import { JsonBodyMiddleware } from './json-body.middleware.js';
import { TasksController } from './tasks.controller.js';
import { WorkflowsController } from './workflows.controller.js';

/** The REST API of workflows, files and tasks, and the body reader of everything below `/r`. */
@Module({
  imports: [FilesModule, TasksModule, WorkflowsModule],
  controllers: [FilesController, TasksController, WorkflowsController],
})
export class RestModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer
      .apply(JsonBodyMiddleware)
      // A service's own traffic is relayed as it comes.
      .exclude({ path: 'r/containers/*path', method: RequestMethod.ALL })
      .forRoutes({ path: 'r/*path', method: RequestMethod.ALL });
  }
}
