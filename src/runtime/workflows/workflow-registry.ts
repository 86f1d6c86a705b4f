import { parse, resolve } from 'node:path';

import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Logger,
  type OnModuleInit,
} from '@nestjs/common';

import { CONFIG, type Config, packagePaths } from '../../config/index.js';
import { packBundle } from '../bundles/index.js';
import { DefinitionFolder, type OwnedDefinition } from '../definitions/index.js';
import { Engine } from '../engine/index.js';
import { RuntimeNode } from '../nodes/index.js';
import { type CompiledWorkflow, runRequirements } from './compiled-workflow.js';
import { ParameterCheck } from './validation/parameter-check.js';
import { type CompilerChecks, compileWorkflow } from './workflow-compiler.js';
import { WorkflowStore } from './workflow-store.js';

/** Loads the workflows of the default team from the folder of their definitions, and reloads them on changes. */
@Injectable()
export class WorkflowRegistry implements OnModuleInit, BeforeApplicationShutdown {
  private readonly logger = new Logger('Definitions');
  private readonly path: string;
  private readonly folder: DefinitionFolder<CompiledWorkflow>;
  private isLoaded = false;
  @Inject(RuntimeNode) private readonly node!: RuntimeNode;

  constructor(
    @Inject(CONFIG) { workflowsDir }: Config,
    private readonly engine: Engine,
    private readonly workflows: WorkflowStore,
    parameterCheck: ParameterCheck,
  ) {
    const checks: CompilerChecks = {
      isKnown: (workflow) => this.workflows.isStored(workflow),
      schemaReport: (schema) => parameterCheck.schema(schema),
      warn: (message) => this.logger.warn(message),
    };
    this.path = resolve(workflowsDir ?? packagePaths.workflows);
    this.folder = new DefinitionFolder({
      kind: 'workflow',
      folder: this.path,
      setting: workflowsDir === undefined ? undefined : 'CYBERUN_WORKFLOWS_DIR',
      earlierOwners: () => this.workflows.storedOwners(),
      beside: (_workflow, file) => [parse(file).name],
      parse: (source) => compileWorkflow(source, checks),
      changed: (definitions, broken) => this.store(definitions, broken),
    });
  }

  onModuleInit(): Promise<void> {
    return this.folder.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.folder.stop();
  }

  private async store(
    bySlug: ReadonlyMap<string, OwnedDefinition<CompiledWorkflow>>,
    broken: ReadonlySet<string>,
  ): Promise<void> {
    for (const { definition } of bySlug.values()) {
      await this.engine.prepare({ teamId: this.workflows.teamId, labels: runRequirements(definition) });
    }
    const hasOthers = await this.node.hasOthers();
    const content = { bySlug, broken, isFirst: !this.isLoaded, hasOthers };
    const outdated = await this.workflows.store(content, (file) => packBundle(this.path, [parse(file).name]));
    this.isLoaded = true;
    for (const file of outdated)
      this.logger.warn(
        `${file} is not used: another node or "apply" has put a later version into the database. Bring this folder up to date, or change the file while this node runs to make its content the latest version.`,
      );
  }
}
