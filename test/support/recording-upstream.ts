import type {
  Caller,
  OnEvent,
  ServerSentEvent,
  UpstreamClient,
  UpstreamEventsRequest,
  UpstreamRequest,
} from '../../src/upstream/index.js';

export const someCaller: Caller = { key: 'sk-test', signal: new AbortController().signal };

/** Stands in for the upstream client in a unit spec: remembers what was asked, answers with what was given. */
export function recordingUpstream(...answers: unknown[]) {
  const asked: string[] = [];
  const sent: UpstreamRequest<unknown>[] = [];
  const client = {
    send(_caller: Caller, request: UpstreamRequest<unknown>) {
      const query = Object.entries(request.query ?? {}).map(([name, value]) => `${name}=${String(value)}`);
      asked.push(
        `${request.method} /${request.path.join('/')}${query.length > 0 ? `?${query.join('&')}` : ''}`,
      );
      sent.push(request);
      return Promise.resolve(request.answer.parse(answers.shift()));
    },
    has: () => Promise.resolve(true),
    async events(_caller: Caller, { path, lastEventId }: UpstreamEventsRequest, onEvent: OnEvent) {
      asked.push(`EVENTS /${path.join('/')}${lastEventId === undefined ? '' : ` after ${lastEventId}`}`);
      for (const event of answers.shift() as ServerSentEvent[]) if (await onEvent(event)) return;
    },
  };
  return { asked, sent, client: client as unknown as UpstreamClient };
}
