import { Injectable } from '@nestjs/common';
import { type CallToolRequest, type CompleteRequest, type ServerContext } from '@modelcontextprotocol/server';

import { isForSdk, type RequestMessage } from '../protocol/index.js';
import { type CallOrigin, type McpServer, RequestContext, ToolRunner } from '../tools/index.js';
import { DeclaredMethods } from './declared-methods.js';
import { RequestErrors } from './request-errors.js';

/** The methods, by the part of the protocol that they belong to. */
const METHODS = {
  resources: ['resources/list', 'resources/templates/list', 'resources/read'],
  prompts: ['prompts/list', 'prompts/get'],
  completions: ['completion/complete'],
} as const;

type Method = (typeof METHODS)[keyof typeof METHODS][number];

/** Params that are validated already. */
type Params = Readonly<Record<string, unknown>>;

type Answer = (
  declared: DeclaredMethods,
  params: Params,
  context: RequestContext,
) => object | Promise<object>;

const ANSWERS: Readonly<Record<Method, Answer>> = {
  'resources/list': ({ resources }, { cursor }, context) =>
    resources.list(cursor as string | undefined, context),
  'resources/templates/list': ({ resources }) => resources.listTemplates(),
  'resources/read': ({ resources }, params, context) =>
    resources.read(params as { readonly uri: string }, context),
  'prompts/list': ({ prompts }) => prompts.list(),
  'prompts/get': ({ prompts }, params, context) => prompts.get(params as { readonly name: string }, context),
  'completion/complete': ({ completions }, params, context) =>
    completions.complete(params as CompleteRequest['params'], context),
};

/** The permissions of the methods that a request runs; those of invalid params are not looked for. */
const PERMISSIONS: Readonly<
  Record<Method, (declared: DeclaredMethods, params: Params) => readonly (string | undefined)[]>
> = {
  'resources/list': ({ resources }) => resources.listPermissions,
  'resources/templates/list': () => [],
  'resources/read': ({ resources }, { uri }) => [resources.permissionOf(uri)],
  'prompts/list': () => [],
  'prompts/get': ({ prompts }, { name }) => [prompts.permissionOf(name)],
  'completion/complete': ({ completions }, params) => [completions.permissionOf(params)],
};

const isMethod = (method: string): method is Method => Object.hasOwn(ANSWERS, method);

/** Answers requests that are no calls of tools: for resources, prompts and completions, in every revision. */
@Injectable()
export class OtherRequests {
  constructor(
    private readonly declared: DeclaredMethods,
    private readonly tools: ToolRunner,
    private readonly errors: RequestErrors,
  ) {}

  /** The methods of which there is something to answer with. */
  get methods(): readonly Method[] {
    const { resources, prompts, completions } = this.declared;
    return [
      ...(resources.size > 0 ? METHODS.resources : []),
      ...(prompts.size > 0 ? METHODS.prompts : []),
      ...(completions.size > 0 ? METHODS.completions : []),
    ];
  }

  /** The permissions that a request needs; its params are not validated yet. */
  permissionsFor(method: string, params: Params): readonly string[] {
    if (!isMethod(method)) return [];
    return PERMISSIONS[method](this.declared, params).filter((permission) => permission !== undefined);
  }

  /** Whether a request needs nothing of the SDK. */
  serves(message: RequestMessage): boolean {
    return (this.methods as readonly string[]).includes(message.method) && !isForSdk(message);
  }

  /**
   * The result of a request with valid params, without the members that only some revisions have.
   *
   * @throws {ProtocolError} when it fails.
   */
  async run(
    { method, params = {} }: Pick<RequestMessage, 'method' | 'params'>,
    sdk: ServerContext,
    origin: CallOrigin,
  ): Promise<object> {
    const request = { method, params } as unknown as CallToolRequest;
    const context = new RequestContext(this.tools.partsOf(method, request, sdk, origin));
    try {
      return await ANSWERS[method as Method](this.declared, params, context);
    } catch (error) {
      throw this.errors.toProtocolError(error, context, params['uri']);
    }
  }

  /** Sets the handlers of an SDK server, for requests that only the SDK can answer. */
  bind(server: McpServer, origin: CallOrigin, takeFirst: () => object | undefined): void {
    for (const method of this.methods) {
      server.server.setRequestHandler(method, async (request, sdk) => {
        const signal = AbortSignal.any([origin.call.signal, sdk.mcpReq.signal]);
        const answer =
          takeFirst() ?? (await this.run(request as RequestMessage, sdk, { ...origin, call: { signal } }));
        return answer as never;
      });
    }
  }
}
