import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';

import { Deployment } from 'kubernetes-models/apps/v1';
import { Job } from 'kubernetes-models/batch/v1';
import { Lease } from 'kubernetes-models/coordination.k8s.io/v1';
import { Secret, Service } from 'kubernetes-models/v1';

import { Cluster } from './cluster.js';
import { type ChangeType, isSelected, type StoredObject } from './object-store.js';

const COLLECTION =
  /^\/(?:api\/v1|apis\/(?:apps|batch|coordination\.k8s\.io)\/v1)\/namespaces\/runs\/([a-z]+)(?:\/([a-z0-9.-]+))?(\/log)?$/;
const KINDS: Record<string, string> = {
  configmaps: 'ConfigMap',
  deployments: 'Deployment',
  events: 'Event',
  jobs: 'Job',
  leases: 'Lease',
  pods: 'Pod',
  secrets: 'Secret',
  services: 'Service',
};

/** An answer that is not 2xx, in the form of Kubernetes. */
class Refusal extends Error {
  constructor(
    readonly code: number,
    readonly reason: string,
    message: string,
  ) {
    super(message);
  }
}

/**
 * The part of the API server of Kubernetes that an agent uses, over HTTP. It refuses what the role of an agent does not allow, and
 * objects that are not valid.
 */
export class KubernetesApi implements AsyncDisposable {
  readonly cluster: Cluster;
  /** Method and path of every request. */
  readonly requests: string[] = [];
  /** Resources that the role of the agent does not allow. */
  forbidden: readonly string[] = [];
  /** Makes the creation of Jobs fail with this message, as a quota does. */
  quota: string | undefined;
  private readonly watches = new Set<ServerResponse>();
  private server: Server;
  private port = 0;

  private constructor(private readonly folder: string) {
    this.cluster = new Cluster(folder);
    this.server = this.newServer();
  }

  static async start(): Promise<KubernetesApi> {
    const api = new KubernetesApi(await mkdtemp(join(tmpdir(), 'cyberun-kubernetes-')));
    await api.resume();
    const server = `http://127.0.0.1:${api.port}`;
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'test',
      clusters: [{ name: 'test', cluster: { server, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'agent', user: { token: 'service-account' } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'agent', namespace: 'runs' } }],
    };
    await writeFile(api.kubeconfig, JSON.stringify(config));
    return api;
  }

  get kubeconfig(): string {
    return join(this.folder, 'kubeconfig');
  }

  /** As when the API server is killed: its connections end, and it is away. Pods go on. */
  async stop(): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, 'close');
  }

  /** Listens again, with everything it had. */
  async resume(): Promise<void> {
    this.server = this.newServer();
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.server.listening) await this.stop();
    await this.cluster.end();
    await rm(this.folder, { recursive: true, force: true });
  }

  private newServer(): Server {
    return createServer((request, response) => {
      this.answer(request, response).catch((error: unknown) => {
        const { code, reason } = error instanceof Refusal ? error : { code: 500, reason: 'InternalError' };
        const status = { kind: 'Status', status: 'Failure', reason, code, message: (error as Error).message };
        send(response, code, status);
      });
    });
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    const { pathname, searchParams } = new URL(url, 'http://kubernetes');
    this.requests.push(`${method} ${pathname}`);
    if (request.headers.authorization !== 'Bearer service-account')
      throw new Refusal(401, 'Unauthorized', 'Unauthorized');
    const [, collection = '', name, log] = COLLECTION.exec(pathname) ?? [];
    if (log !== undefined) return this.answerLog(response, name, searchParams);
    const kind = KINDS[collection];
    if (kind === undefined)
      throw new Refusal(404, 'NotFound', 'the server could not find the requested resource');
    const verb = verbOf(method, name, searchParams);
    if (!ALLOWED[kind]?.includes(verb) || this.forbidden.includes(collection))
      throw new Refusal(
        403,
        'Forbidden',
        `${collection} is forbidden: User "agent" cannot ${verb} resource "${collection}"`,
      );
    const selector = searchParams.get('labelSelector') ?? '';
    if (verb === 'watch') this.watch(response, kind, selector);
    else if (verb === 'list') send(response, 200, this.list(kind, selector));
    else if (verb === 'create') send(response, 201, this.create(kind, (await json(request)) as StoredObject));
    else if (verb === 'get') send(response, 200, this.existing(kind, name));
    else if (verb === 'update')
      send(response, 200, this.replace(this.existing(kind, name), (await json(request)) as StoredObject));
    else send(response, 200, this.delete(this.existing(kind, name), searchParams.get('propagationPolicy')));
  }

  private list(kind: string, selector: string): object {
    const { store } = this.cluster;
    const metadata = { resourceVersion: store.resourceVersion };
    return { kind: `${kind}List`, metadata, items: store.list(kind, selector) };
  }

  /** Ends all watches, as the API server does now and then; who watches lists again. */
  endWatches(): void {
    for (const watch of this.watches) watch.end();
  }

  private watch(response: ServerResponse, kind: string, selector: string): void {
    const { changes } = this.cluster.store;
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    const tell = (type: ChangeType, object: StoredObject): void => {
      if (object.kind === kind && isSelected(object, selector))
        response.write(`${JSON.stringify({ type, object })}\n`);
    };
    changes.on('change', tell);
    this.watches.add(response);
    response.once('close', () => {
      changes.off('change', tell);
      this.watches.delete(response);
    });
  }

  private answerLog(response: ServerResponse, pod = '', query: URLSearchParams): void {
    const isService = query.get('container') === 'service';
    const log = isService
      ? this.cluster.deployments.logOf(pod, query.get('previous') === 'true')
      : this.cluster.logOf(pod);
    if (!log || !['main', 'service'].includes(query.get('container') ?? ''))
      throw new Refusal(
        400,
        'BadRequest',
        `container ${query.get('container')} in pod ${pod} is waiting to start`,
      );
    response.writeHead(200, { 'content-type': 'text/plain' }).flushHeaders();
    if (query.get('follow') !== 'true') return void response.end(log.tail(Number(query.get('tailLines'))));
    log.follow(
      query.get('sinceTime') ?? '',
      (line) => response.write(line),
      () => response.end(),
    );
  }

  private create(kind: string, object: StoredObject): StoredObject {
    const { store } = this.cluster;
    validate(kind, object);
    if (kind === 'Job' && this.quota !== undefined) throw new Refusal(403, 'Forbidden', this.quota);
    if (store.get(kind, object.metadata.name))
      throw new Refusal(409, 'AlreadyExists', `${kind} "${object.metadata.name}" already exists`);
    // Each replica has an address of its own on this machine.
    if (kind === 'Service')
      object['spec'].clusterIP = `127.0.0.${1 + Number(object.metadata.labels?.['cyberun.replica'])}`;
    return store.add(object);
  }

  private existing(kind: string, name = ''): StoredObject {
    const found = this.cluster.store.get(kind, name);
    if (!found) throw new Refusal(404, 'NotFound', `${kind} "${name}" not found`);
    return found;
  }

  private replace(former: StoredObject, object: StoredObject): StoredObject {
    validate(former.kind, object);
    if (object.metadata.resourceVersion !== former.metadata.resourceVersion)
      throw new Refusal(409, 'Conflict', 'the object has been modified; please apply your changes again');
    this.cluster.store.update(former, (one) => void (one['spec'] = object['spec']));
    return former;
  }

  private delete(object: StoredObject, propagationPolicy: string | null): object {
    this.cluster.delete(object, propagationPolicy === 'Foreground');
    return object;
  }
}

/** What the role of an agent allows, as the chart has it. */
const ALLOWED: Record<string, string[]> = {
  ConfigMap: ['get'],
  Deployment: ['create', 'get', 'list', 'delete'],
  Event: ['list'],
  Job: ['create', 'get', 'list', 'delete'],
  Pod: ['list', 'watch'],
  Secret: ['create'],
  Lease: ['get', 'create', 'update'],
  Service: ['create', 'get'],
};

function verbOf(method: string, name: string | undefined, query: URLSearchParams): string {
  if (method === 'POST') return 'create';
  if (method === 'DELETE') return 'delete';
  if (name !== undefined) return method === 'GET' ? 'get' : 'update';
  return query.get('watch') === 'true' ? 'watch' : 'list';
}

function validate(kind: string, object: StoredObject): void {
  try {
    if (kind === 'Job') new Job(object as never).validate();
    else if (kind === 'Lease') new Lease(object as never).validate();
    else if (kind === 'Deployment') new Deployment(object as never).validate();
    else if (kind === 'Service') new Service(object as never).validate();
    else new Secret(object as never).validate();
  } catch (error) {
    throw new Refusal(422, 'Invalid', (error as Error).message);
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
