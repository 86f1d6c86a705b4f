import { resolve } from 'node:path';

import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';

import { CONFIG, type Config, packagePaths } from '../../config/index.js';
import { packBundle } from '../bundles/index.js';
import { DefinitionFolder, type OwnedDefinition } from '../definitions/index.js';
import { RuntimeNode } from '../nodes/index.js';
import { parseServiceDefinition, type ServiceDefinition } from './service-definition.js';
import { ServiceStore } from './service-store.js';

/** Loads the services of the default team from the folder of their definitions, and reloads them on changes. */
@Injectable()
export class ServiceRegistry implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Definitions');
  private readonly path: string;
  private readonly folder: DefinitionFolder<ServiceDefinition>;
  private isLoaded = false;

  constructor(
    @Inject(CONFIG) { servicesDir }: Config,
    private readonly services: ServiceStore,
    private readonly node: RuntimeNode,
  ) {
    this.path = resolve(servicesDir ?? packagePaths.services);
    this.folder = new DefinitionFolder({
      kind: 'service',
      folder: this.path,
      setting: servicesDir === undefined ? undefined : 'CYBERUN_SERVICES_DIR',
      earlierOwners: () => this.services.storedOwners(),
      beside: ({ beside }) => beside,
      parse: parseServiceDefinition,
      changed: (definitions, broken) => this.store(definitions, broken),
    });
  }

  onApplicationBootstrap(): Promise<void> {
    return this.folder.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.folder.stop();
  }

  private async store(
    bySlug: ReadonlyMap<string, OwnedDefinition<ServiceDefinition>>,
    broken: ReadonlySet<string>,
  ): Promise<void> {
    const hasOthers = await this.node.hasOthers();
    const content = { bySlug, broken, isFirst: !this.isLoaded, hasOthers };
    const outdated = await this.services.store(content, ({ beside }) => packBundle(this.path, beside));
    this.isLoaded = true;
    for (const file of outdated)
      this.logger.warn(
        `${file} is not used: another node or "apply" has put other content into the database. Bring this folder up to date, or change the file while this node runs to make its content the current one.`,
      );
  }
}
