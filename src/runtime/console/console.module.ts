import { Module } from '@nestjs/common';

import { ConsoleController } from './console.controller.js';
import { SessionController } from './session.controller.js';

/** The page for people at /console, and the sessions of their browsers. */
@Module({ controllers: [ConsoleController, SessionController] })
export class ConsoleModule {}
