import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';

export const USER = 'robot';
export const PASSWORD = 'a-secret-of-the-registry';
/** Name of an image for which there is no answer. */
export const SILENT = 'tests/silent';
const TOKEN = 'token-of-the-registry';
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

interface Manifest {
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string }[];
}

/** A registry that speaks the OCI distribution protocol over HTTP, as far as pull and push need it, and asks for a password. */
export class Registry implements AsyncDisposable {
  /** Method and path of each request, and the status of its answer. */
  readonly requests: string[] = [];
  private readonly content = new Map<string, { readonly type: string; readonly bytes: Buffer }>();

  private constructor(
    private readonly server: Server,
    private readonly scheme: 'Basic' | 'Bearer',
  ) {
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      response.once('finish', () =>
        this.requests.push(`${request.method} ${request.url} ${response.statusCode}`),
      );
      void this.answer(request, response);
    });
  }

  /** @param scheme how it asks: with `Bearer` a client gets a token for its password first. */
  static async start(scheme: 'Basic' | 'Bearer'): Promise<Registry> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Registry(server, scheme);
  }

  /** Host and port, as in the name of an image. */
  get host(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Offers the image of an OCI layout under a name and a tag, with one more variable in its environment. */
  publish(layout: string, name: string, tag: string, variable: string): void {
    const blob = (digest: string): Buffer => readFileSync(join(layout, 'blobs', digest.replace(':', '/')));
    const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'));
    const manifest = JSON.parse(blob(index.manifests[0].digest).toString()) as Manifest;
    const image = JSON.parse(blob(manifest.config.digest).toString());
    const env = [...(image.config.Env ?? []), variable];
    const config = Buffer.from(JSON.stringify({ ...image, config: { ...image.config, Env: env } }));
    const own = { ...manifest.config, digest: digestOf(config), size: config.length };
    const bytes = Buffer.from(JSON.stringify({ ...manifest, mediaType: MANIFEST, config: own }));
    for (const reference of [tag, digestOf(bytes)])
      this.content.set(`/v2/${name}/manifests/${reference}`, { type: MANIFEST, bytes });
    const blobs = [config, ...manifest.layers.map(({ digest }) => blob(digest))];
    for (const one of blobs)
      this.content.set(`/v2/${name}/blobs/${digestOf(one)}`, {
        type: 'application/octet-stream',
        bytes: one,
      });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = '', method, headers } = request;
    const [path = '', query] = url.split('?');
    const basic = `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString('base64')}`;
    const isToken = this.scheme === 'Bearer' && path === '/token';
    if (headers.authorization !== (this.scheme === 'Basic' || isToken ? basic : `Bearer ${TOKEN}`))
      return refuse(response, isToken || this.scheme === 'Basic' ? 'Basic realm="tests"' : this.challenge);
    if (isToken) return void response.end(JSON.stringify({ token: TOKEN, expires_in: 300 }));
    if (path === '/v2/') return void response.end('{}');
    if (path.startsWith(`/v2/${SILENT}/`)) return;
    if (method === 'POST') return void response.writeHead(202, { location: `${path}upload` }).end();
    if (method === 'PUT')
      return this.store(path, new URLSearchParams(query).get('digest'), request, response);
    const found = this.content.get(path);
    if (!found) return void response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}');
    const { type, bytes } = found;
    response.writeHead(200, {
      'content-type': type,
      'content-length': bytes.length,
      'docker-content-digest': digestOf(bytes),
    });
    response.end(method === 'HEAD' ? undefined : bytes);
  }

  /** Keeps a blob, which has its digest in the query, or a manifest, which has its tag in the path. */
  private async store(
    path: string,
    digest: string | null,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const bytes = await buffer(request);
    const { 'content-type': type = 'application/octet-stream' } = request.headers;
    const name = digest ?? digestOf(bytes);
    const places = digest ? [path.replace('uploads/upload', digest)] : [path, path.replace(/[^/]+$/, name)];
    for (const place of places) this.content.set(place, { type, bytes });
    response.writeHead(201, { location: places[0], 'docker-content-digest': name }).end();
  }

  private get challenge(): string {
    return `Bearer realm="http://${this.host}/token",service="tests"`;
  }
}

const digestOf = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

function refuse(response: ServerResponse, challenge: string): void {
  response.writeHead(401, { 'www-authenticate': challenge, 'content-type': 'application/json' });
  response.end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}');
}
