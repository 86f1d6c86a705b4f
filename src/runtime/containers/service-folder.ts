import { resolve } from 'node:path';

import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  type OnApplicationBootstrap,
} from '@nestjs/common';

import { CONFIG, type Config, packagePaths } from '../../config/index.js';
import { DefinitionFolder } from '../definitions/index.js';
import { parseServiceDefinition, type ServiceDefinition } from './service-definition.js';
import { ServiceSupervisor } from './service-supervisor.js';

/** Keeps the services in step with the folder of their files. */
@Injectable()
export class ServiceFolder implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly folder: DefinitionFolder<ServiceDefinition>;

  constructor(@Inject(CONFIG) { servicesDir }: Config, supervisor: ServiceSupervisor) {
    this.folder = new DefinitionFolder({
      kind: 'service',
      folder: resolve(servicesDir ?? packagePaths.services),
      setting: servicesDir === undefined ? undefined : 'CYBERUN_SERVICES_DIR',
      beside: ({ beside }) => beside,
      parse: parseServiceDefinition,
      changed: (definitions) =>
        supervisor.define(new Map([...definitions].map(([slug, { definition }]) => [slug, definition]))),
    });
  }

  onApplicationBootstrap(): Promise<void> {
    return this.folder.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.folder.stop();
  }
}
