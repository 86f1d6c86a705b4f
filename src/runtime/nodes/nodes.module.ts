import { Global, Module } from '@nestjs/common';

import { RuntimeNode } from './runtime-node.js';

/** The nodes that share the database. */
@Global()
@Module({ providers: [RuntimeNode], exports: [RuntimeNode] })
export class NodesModule {}
