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

/** Loads the services from the folder of their definitions, and reloads them on changes. */
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
