import { Inject, Injectable } from '@nestjs/common';
import {
  CLIENT_CAPABILITIES_META_KEY,
  ProtocolError,
  ProtocolErrorCode,
  type Server,
} from '@modelcontextprotocol/server';
import { z } from 'zod';

import { CONFIG, type Config } from '../../config/index.js';
import { traceContextIn } from '../../telemetry/index.js';
import { type Caller, UpstreamError } from '../../upstream/index.js';
import type { McpHttpRequest } from '../auth/index.js';
import type { Operation } from '../calls/index.js';
import {
  declaresTasks,
  type DetailedTask,
  hasEnded,
  TASK_METHODS,
  type TaskMethod,
  type TaskParams,
  taskParamsOf,
  TASKS_CAPABILITY,
  tasksNotDeclared,
} from '../protocol/index.js';
import {
  SdkServers,
  type TaskProvider,
  TaskProviders,
  ToolErrorMapper,
  ToolSources,
  toToolResult,
} from '../tools/index.js';

type Params = Readonly<Record<string, unknown>>;

/** A request for a task, with the key it came with. */
interface TaskRequest {
  readonly params: Params | undefined;
  readonly rawRequest: McpHttpRequest;
  readonly signal: AbortSignal;
  readonly operation?: Operation | undefined;
}

/** A task that the caller may see. */
export interface FoundTask {
  readonly provider: TaskProvider;
  readonly task: DetailedTask;
}

const NOT_FOUND = 404;
const ACKNOWLEDGEMENT = { resultType: 'complete' };
const paramsOfAnyKind = z.looseObject({});

/** Answers tasks/get, tasks/update and tasks/cancel. It has no state: the provider of the task knows all. */
@Injectable()
export class TaskRequests {
  @Inject(ToolSources) private readonly sources!: ToolSources;

  constructor(
    private readonly providers: TaskProviders,
    private readonly errors: ToolErrorMapper,
    @Inject(CONFIG) private readonly config: Config,
    servers: SdkServers,
  ) {
    servers.extend(({ server }, { rawRequest, session, call: { signal } }) => {
      if (session.stateless && this.isOffered)
        this.register(server as unknown as Server, { rawRequest, signal });
    });
  }

  /**
   * The result, without what every result has.
   *
   * @throws {ProtocolError}
   */
  async answer(method: TaskMethod, request: TaskRequest): Promise<Record<string, unknown>> {
    if (!declaresTasks(capabilitiesIn(request.params))) throw tasksNotDeclared();
    const params = taskParamsOf(method, request.params);
    const caller = callerOf(request);
    try {
      const found = await this.find(caller, params.taskId);
      if (method === 'tasks/get') return { ...this.presented(found.task) };
      await this.requireChangeable(found, request);
      if (method === 'tasks/update') await update(caller, found, params);
      else if (!hasEnded(found.task)) await found.provider.cancel(caller, params.taskId);
      return ACKNOWLEDGEMENT;
    } catch (error) {
      throw this.protocolError(method, error);
    }
  }

  /** @throws {ProtocolError} when the operator of this server offers the client no tool that changes such tasks. */
  private async requireChangeable({ provider }: FoundTask, { rawRequest }: TaskRequest): Promise<void> {
    if (await this.sources.mayChangeTasksOf(provider, rawRequest)) return;
    throw new ProtocolError(
      ProtocolErrorCode.InvalidParams,
      'This server lets your key read tasks, and change none. Do not retry; tell the user.',
    );
  }

  /** Whether there can be tasks. */
  get isOffered(): boolean {
    return this.providers.isOffered;
  }

  /** Serves these methods on an SDK server too, for requests that our own code leaves to the SDK. */
  private register(server: Server, { rawRequest, signal }: Pick<TaskRequest, 'rawRequest' | 'signal'>): void {
    server.registerCapabilities(TASKS_CAPABILITY);
    for (const method of TASK_METHODS) {
      server.setRequestHandler(method, { params: paramsOfAnyKind }, (params, { mcpReq }) =>
        this.answer(method, { params: { ...params, _meta: { ...mcpReq.envelope } }, rawRequest, signal }),
      );
    }
  }

  /** @throws {ProtocolError} when there is no such task for this caller. */
  async find(caller: Caller, taskId: string): Promise<FoundTask> {
    const provider = this.providers.find(taskId);
    const task = await provider?.get(caller, taskId);
    if (provider && task) return { provider, task };
    throw new ProtocolError(
      ProtocolErrorCode.InvalidParams,
      'Task not found: the team of this key has no such task, or it is kept no longer. Give params.taskId as it was returned to you.',
    );
  }

  /** Logs the error; what the runtime does not know is an invalid parameter. */
  protocolError(method: string, error: unknown): ProtocolError {
    if (error instanceof ProtocolError) return error;
    const isMissing = error instanceof UpstreamError && error.status === NOT_FOUND;
    const code = isMissing ? ProtocolErrorCode.InvalidParams : ProtocolErrorCode.InternalError;
    const { error_message, ...data } = this.errors.bodyOf({ tool: method }, error);
    return new ProtocolError(code, error_message, Object.keys(data).length > 0 ? data : undefined);
  }

  /** A task as tasks/get and notifications show it. */
  presented(task: DetailedTask): DetailedTask {
    if (task.status !== 'completed') return task;
    const result = toToolResult(task.result, this.config.mcpReplyTokens);
    return { ...task, result: { ...result, resultType: 'complete' } };
  }
}

export const capabilitiesIn = (params: Params | undefined): unknown => {
  const meta = params?.['_meta'];
  return typeof meta === 'object' && meta !== null
    ? Reflect.get(meta, CLIENT_CAPABILITIES_META_KEY)
    : undefined;
};

/** The key of this very request, and its trace. */
export function callerOf({ params, rawRequest, signal, operation }: TaskRequest): Caller {
  const trace =
    operation?.trace ?? traceContextIn(params?.['_meta'] as object | undefined, rawRequest.headers);
  return { key: rawRequest.auth.token, signal, ...trace };
}

/** Passes on the responses to what the task asks now; the extension wants all others ignored. */
async function update(caller: Caller, { provider, task }: FoundTask, params: TaskParams): Promise<void> {
  if (task.status !== 'input_required') return;
  const { inputRequests } = task;
  const awaited = Object.entries(params.inputResponses).filter(([key]) => Object.hasOwn(inputRequests, key));
  if (awaited.length > 0) await provider.update(caller, params.taskId, Object.fromEntries(awaited));
}
