import { Injectable } from '@nestjs/common';

import { ToolRegistry } from './tool-registry.js';

/** A tool as people read of it. */
export interface CatalogTool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** The toolset that a connection must choose for it. */
  readonly toolset: string | undefined;
}

/** The tools that a connection can have here, for people and pages; which of them a key may call is not known. */
@Injectable()
export class ToolCatalog {
  constructor(private readonly registry: ToolRegistry) {}

  /** Those of every connection first. */
  listed(): CatalogTool[] {
    const tools = this.registry.allowed().map(({ name, metadata, toolset }) => ({
      name,
      title: metadata.annotations?.title ?? name,
      description: metadata.description ?? '',
      toolset,
    }));
    return [...tools.filter((tool) => !tool.toolset), ...tools.filter((tool) => tool.toolset)];
  }
}
