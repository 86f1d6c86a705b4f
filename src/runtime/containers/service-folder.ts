import { resolve } from 'node:path';

import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';

import { CONFIG, type Config, packagePaths } from '../../config/index.js';
import { DefinitionFolder } from '../definitions/index.js';
import { parseServiceDefinition, type ServiceDefinition } from './service-definition.js';
import { ServiceSupervisor } from './service-supervisor.js';

/** Keeps the services in step with the folder of their files. */
@Injectable()
export class ServiceFolder implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Services');
  private readonly folder: DefinitionFolder<ServiceDefinition>;

  constructor(
    @Inject(CONFIG) { servicesDir }: Config,
    @Inject(ServiceSupervisor) private readonly supervisor: ServiceSupervisor,
  ) {
    this.folder = new DefinitionFolder({
      folder: resolve(servicesDir ?? packagePaths.services),
      parse: parseServiceDefinition,
      changed: (definitions) => Promise.resolve(this.tell(definitions)),
    });
  }

  onApplicationBootstrap(): Promise<void> {
    return this.folder.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.folder.stop();
  }

  private tell(definitions: ReadonlyMap<string, ServiceDefinition>): void {
    const bySlug = new Map<string, ServiceDefinition>();
    for (const [file, definition] of definitions) {
      const { slug } = definition;
      if (bySlug.has(slug))
        this.logger.error(`${file}:1: another file already defines "${slug}"; it stays so`);
      else bySlug.set(slug, definition);
    }
    this.supervisor.define(bySlug);
  }
}
