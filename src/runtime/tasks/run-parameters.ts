import { BadRequestException, Injectable } from '@nestjs/common';

import { FilesService } from '../files/index.js';
import {
  acceptedTypes,
  type CompiledWorkflow,
  fileParametersOf,
  ParameterCheck,
  type WorkflowVersion,
} from '../workflows/index.js';

/** Checks the parameters of a run, the files among them, before it is accepted. */
@Injectable()
export class RunParameters {
  constructor(
    private readonly files: FilesService,
    private readonly parameterCheck: ParameterCheck,
  ) {}

  /** @throws {BadRequestException} with everything that is wrong with the parameters. */
  async checked(
    teamId: string,
    { definition }: WorkflowVersion,
    given: Record<string, unknown>,
  ): Promise<Record<string, unknown>> {
    const result = await this.parameterCheck.parameters(definition.schema, given);
    const parameters = result.isValid ? result.parameters : given;
    const faults = [
      ...(result.isValid ? [] : result.faults),
      ...(await this.fileFaults(teamId, definition, parameters)),
    ];
    if (faults.length > 0) throw new BadRequestException(faults.join('; '));
    return parameters;
  }

  private async fileFaults(
    teamId: string,
    definition: CompiledWorkflow,
    parameters: Record<string, unknown>,
  ): Promise<string[]> {
    const faults = fileParametersOf(definition).map(async (name) => {
      const value = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
      // What is no text breaks the schema as well, which says so.
      if (typeof value !== 'string') return undefined;
      const accept = acceptedTypes(definition.schema.properties?.[name] ?? {});
      return this.files.inputFault(teamId, { name, accept }, value);
    });
    return (await Promise.all(faults)).filter((fault) => fault !== undefined);
  }
}
