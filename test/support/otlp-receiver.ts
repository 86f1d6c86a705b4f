import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span as a receiver of OTLP gets it. */
export interface ReceivedSpan {
  readonly service: string;
  readonly resource: Readonly<Record<string, unknown>>;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  readonly name: string;
  /** INTERNAL 1, SERVER 2, CLIENT 3, PRODUCER 4, CONSUMER 5. */
  readonly kind: number;
  readonly seconds: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Ids of the spans that it follows from. */
  readonly links: readonly string[];
  /** ERROR is 2. */
  readonly status: number;
}

/** Takes spans by OTLP over HTTP, as a collector does. */
export class OtlpReceiver implements AsyncDisposable {
  readonly spans: ReceivedSpan[] = [];
  /** Of each request. */
  readonly headers: IncomingHttpHeaders[] = [];
  /** Of the answers. */
  status = 200;

  private constructor(private readonly server: Server) {}

  static async start(): Promise<OtlpReceiver> {
    const server = createServer();
    const receiver = new OtlpReceiver(server);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        receiver.headers.push(request.headers);
        const isTaken = receiver.status === 200 && request.url === '/v1/traces';
        if (isTaken) receiver.spans.push(...spansIn(Buffer.concat(chunks)));
        response.writeHead(isTaken ? 200 : receiver.status).end();
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return receiver;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The spans of a trace, by their names. */
  trace(traceId: string): Map<string, ReceivedSpan> {
    return new Map(this.spans.filter((span) => span.traceId === traceId).map((span) => [span.name, span]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}

type Field = number | bigint | Buffer;

/** The fields of a message of protocol buffers, by their numbers. */
function fieldsIn(bytes: Buffer): Map<number, Field[]> {
  const fields = new Map<number, Field[]>();
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  const slice = (length: number): Buffer => bytes.subarray(at, (at += length));
  const valueOf: Record<number, () => Field> = {
    0: varint,
    1: () => slice(8).readBigUInt64LE(),
    2: () => slice(varint()),
    5: () => slice(4).readUInt32LE(),
  };
  while (at < bytes.length) {
    const tag = varint();
    const value = valueOf[tag % 8]?.();
    if (value === undefined) throw new Error(`wire type ${tag % 8}`);
    const number = Math.floor(tag / 8);
    fields.set(number, [...(fields.get(number) ?? []), value]);
  }
  return fields;
}

const messages = (fields: Map<number, Field[]>, number: number): Map<number, Field[]>[] =>
  (fields.get(number) ?? []).map((field) => fieldsIn(field as Buffer));
const text = (fields: Map<number, Field[]> | undefined, number: number): string =>
  (fields?.get(number)?.[0] as Buffer | undefined)?.toString() ?? '';
const hex = (fields: Map<number, Field[]>, number: number): string =>
  (fields.get(number)?.[0] as Buffer | undefined)?.toString('hex') ?? '';

function attributesIn(pairs: readonly Map<number, Field[]>[]): Record<string, unknown> {
  const entries = pairs.map((pair) => {
    const [value] = messages(pair, 2);
    return [text(pair, 1), value?.has(1) ? text(value, 1) : value?.values().next().value?.[0]] as const;
  });
  return Object.fromEntries(entries);
}

function spansIn(request: Buffer): ReceivedSpan[] {
  return messages(fieldsIn(request), 1).flatMap((group) => {
    const resource = attributesIn(messages(group, 1).flatMap((fields) => messages(fields, 1)));
    const spans = messages(group, 2).flatMap((scope) => messages(scope, 2));
    return spans.map((span) => ({
      service: String(resource['service.name']),
      resource,
      traceId: hex(span, 1),
      spanId: hex(span, 2),
      parentId: hex(span, 4),
      name: text(span, 5),
      kind: Number(span.get(6)?.[0] ?? 0),
      seconds: Number((span.get(8)?.[0] as bigint) - (span.get(7)?.[0] as bigint)) / 1e9,
      attributes: attributesIn(messages(span, 9)),
      links: messages(span, 13).map((link) => hex(link, 2)),
      status: Number(messages(span, 15)[0]?.get(3)?.[0] ?? 0),
    }));
  });
}
