import type { ServerResponse } from 'node:http';
import { Inject, Injectable } from '@nestjs/common';
import {
  ProtocolError,
  ProtocolErrorCode,
  type RequestId,
  SERVER_INFO_META_KEY,
  SUBSCRIPTION_ID_META_KEY,
} from '@modelcontextprotocol/server';
import { createParser } from 'eventsource-parser';

import type { Caller } from '../../upstream/index.js';
import type { McpHttpRequest } from '../auth/index.js';
import { EventStream, InFlightRequests, Reply } from '../calls/index.js';
import {
  declaresTasks,
  type DetailedTask,
  errorMessage,
  isRecord,
  type NotificationMessage,
  notificationMessage,
  type RequestMessage,
  resultMessage,
  SERVER_INFO,
  type ServerInfo,
  tasksNotDeclared,
} from '../protocol/index.js';
import { httpStatusOf } from './stateless-calls.js';
import { TaskNews } from './task-news.js';
import { callerOf, capabilitiesIn, type FoundTask, TaskRequests } from './task-requests.js';

/** Tasks of one subscription; its acknowledgement names them, and tasks/get reads the others. */
const MOST_TASKS = 100;
const LISTEN = 'subscriptions/listen';
const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged';

/** A subscription to tasks, and perhaps to more. */
interface TaskSubscription {
  readonly rawRequest: McpHttpRequest;
  readonly response: ServerResponse;
  readonly body: RequestMessage;
  /** Aborted when the subscription ends. */
  readonly gone: AbortController;
}

/** The open stream of a subscription. */
interface Listener {
  readonly stream: EventStream;
  readonly id: RequestId;
  readonly found: readonly FoundTask[];
  readonly end: () => void;
}

type Report = (error: unknown) => undefined;

/**
 * Notifications of tasks on the stream of subscriptions/listen; what else the client listens to comes from the SDK's stream
 * for the same request. Any replica can serve it, because the providers report changes wherever they are made.
 */
@Injectable()
export class TaskSubscriptions {
  constructor(
    private readonly requests: TaskRequests,
    private readonly inFlight: InFlightRequests,
    @Inject(SERVER_INFO) private readonly info: ServerInfo,
  ) {}

  /** Whether a request subscribes to tasks. */
  isWantedBy(body: unknown): body is RequestMessage {
    return this.requests.isOffered && wantedIn(body) !== undefined;
  }

  /** @param sdkStream the SDK's answer to the same request, an event stream. */
  async serve({ rawRequest, response, body, gone }: TaskSubscription, sdkStream: Response): Promise<void> {
    const { owner, expiresAt } = rawRequest.auth;
    const fault = faultOf(body);
    if (fault) {
      gone.abort();
      const { code, message, data } = fault;
      new Reply(response).answer(errorMessage(body.id, { code, message, data }), httpStatusOf(code));
      return;
    }
    const caller = callerOf({ params: body.params, rawRequest, signal: gone.signal });
    const report: Report = (error) => this.report(caller, error);
    // Counted, and ended by a drain or a revoked key, also while the tasks are looked up.
    const open = { owner, end: (): void => gone.abort() };
    this.inFlight.open(open, expiresAt);
    try {
      const found = await this.find(caller, wantedIn(body) as readonly string[], report);
      const stream = new EventStream(response, {});
      const end = (): void => {
        void stream.send(this.lastMessage(body.id));
        stream.end();
        gone.abort();
      };
      open.end = end;
      if (gone.signal.aborted) return end();
      await this.listen({ stream, id: body.id, found, end }, caller, report, sdkStream);
      await aborted(gone.signal);
    } finally {
      this.inFlight.closed(open);
    }
  }

  /** The tasks that this caller may see. One that cannot be read now is left to tasks/get. */
  private async find(caller: Caller, wanted: readonly string[], report: Report): Promise<FoundTask[]> {
    const ids = [...new Set(wanted)].slice(0, MOST_TASKS);
    const found = await Promise.all(ids.map((id) => this.requests.find(caller, id).catch(report)));
    return found.filter((each) => each !== undefined);
  }

  private async listen(
    listener: Listener,
    caller: Caller,
    report: Report,
    sdkStream: Response,
  ): Promise<void> {
    const { stream, id, found, end } = listener;
    const show = (task: DetailedTask): Promise<void> => stream.send(this.notification(task, id));
    const news = (): void => {
      for (const each of found) void new TaskNews(each, caller, show).report().catch(report);
    };
    for await (const message of messagesOf(sdkStream)) {
      if (message.method === ACKNOWLEDGED) {
        const { notifications, ...rest } = message.params ?? {};
        const honored = { ...(notifications as object), taskIds: found.map(({ task }) => task.taskId) };
        await stream.send(notificationMessage(ACKNOWLEDGED, { notifications: honored, ...rest }));
        if (found.length > 0) news();
        else if (Object.keys(notifications as object).length === 0) end();
      } else if ('method' in message) {
        await stream.send(JSON.stringify(message));
      }
      // Its result ends a stream without further notifications; this one has its own end.
    }
  }

  private notification(task: DetailedTask, id: RequestId): string {
    const _meta = { [SUBSCRIPTION_ID_META_KEY]: id };
    return notificationMessage('notifications/tasks', { ...this.requests.presented(task), _meta });
  }

  /** The answer to the request, which ends the stream. */
  private lastMessage(id: RequestId): string {
    const _meta = { [SUBSCRIPTION_ID_META_KEY]: id, [SERVER_INFO_META_KEY]: this.info.implementation };
    return resultMessage(id, JSON.stringify({ resultType: 'complete', _meta }));
  }

  /** Logs an error. When the runtime refuses the key, the stream ends by itself. */
  private report({ signal }: Caller, error: unknown): undefined {
    if (!signal.aborted) this.requests.protocolError(LISTEN, error);
    return undefined;
  }
}

/** The ids in the filter of a subscription, if it is one to tasks. */
function wantedIn(body: unknown): unknown {
  const params = isRecord(body) && body['method'] === LISTEN ? body['params'] : undefined;
  const filter = isRecord(params) ? params['notifications'] : undefined;
  return isRecord(filter) ? filter['taskIds'] : undefined;
}

/** The error of a subscription to tasks that is not possible like this. */
function faultOf(body: RequestMessage): ProtocolError | undefined {
  if (!declaresTasks(capabilitiesIn(body.params))) return tasksNotDeclared();
  const wanted = wantedIn(body);
  if (Array.isArray(wanted) && wanted.every((id) => typeof id === 'string')) return undefined;
  return new ProtocolError(
    ProtocolErrorCode.InvalidParams,
    'Invalid params: params.notifications.taskIds must be a list of strings.',
  );
}

async function* messagesOf(sdkStream: Response): AsyncGenerator<Partial<NotificationMessage>> {
  const arrived: NotificationMessage[] = [];
  const parser = createParser({
    onEvent: ({ data }) => void arrived.push(JSON.parse(data) as NotificationMessage),
  });
  const decoder = new TextDecoder();
  for await (const chunk of sdkStream.body ?? []) {
    parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }));
    yield* arrived.splice(0);
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
