import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';

import { freePort } from './free-port.js';
import { until } from './processes.js';

const MISSING =
  'versitygw is not installed. go install github.com/versity/versitygw/cmd/versitygw@v1.8.0 (into a folder of PATH, or ~/go/bin)';
const INSTALLED = join(homedir(), 'go/bin/versitygw');
const BUCKET = 'cyberun-files';
const CREDENTIALS = { accessKeyId: 'test-access-key', secretAccessKey: 'test-secret-access-key' };

/** A separate S3 endpoint with an empty bucket, on a free port and with a temporary folder. */
export class ObjectStoreServer implements AsyncDisposable {
  private constructor(
    readonly endpoint: string,
    private readonly folder: string,
    private readonly child: ChildProcess,
  ) {}

  /** @throws when there is no versitygw, with the line that installs it. */
  static async start(): Promise<ObjectStoreServer> {
    const folder = await mkdtemp(join(tmpdir(), 'cyberun-s3-'));
    const port = await freePort();
    const child = spawn(
      existsSync(INSTALLED) ? INSTALLED : 'versitygw',
      ['--quiet', '--port', `127.0.0.1:${port}`, 'posix', folder],
      {
        stdio: ['ignore', 'ignore', 'inherit'],
        env: {
          PATH: process.env['PATH'],
          ROOT_ACCESS_KEY: CREDENTIALS.accessKeyId,
          ROOT_SECRET_KEY: CREDENTIALS.secretAccessKey,
        },
      },
    );
    const failed = Promise.withResolvers<never>();
    child.once('error', (cause) => failed.reject(new Error(MISSING, { cause })));
    child.once('exit', (code) => failed.reject(new Error(`versitygw ended with ${code}`)));
    failed.promise.catch(() => undefined);
    const server = new ObjectStoreServer(`http://127.0.0.1:${port}`, folder, child);
    await Promise.race([failed.promise, until(() => server.createBucket())]);
    return server;
  }

  /** What points a runtime at the bucket. */
  get settings(): Record<string, string> {
    return {
      CYBERUN_S3_ENDPOINT: this.endpoint,
      CYBERUN_S3_BUCKET: BUCKET,
      CYBERUN_S3_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      CYBERUN_S3_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    };
  }

  /** Whether an object is in the bucket. */
  has(key: string): boolean {
    return existsSync(this.pathOf(key));
  }

  /** Sets the time at which an object was stored. */
  async age(key: string, days: number): Promise<void> {
    const moment = new Date(Date.now() - days * 86_400_000);
    await utimes(this.pathOf(key), moment, moment);
  }

  /** Puts an object into the bucket, past S3. */
  async plant(key: string, days: number): Promise<void> {
    await mkdir(dirname(this.pathOf(key)), { recursive: true });
    await writeFile(this.pathOf(key), 'x');
    await this.age(key, days);
  }

  /** Makes it fall silent, with its connections open, or speak again. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const exited = once(this.child, 'exit');
      this.child.kill('SIGKILL');
      await exited;
    }
    await rm(this.folder, { recursive: true, force: true });
  }

  private pathOf(key: string): string {
    return join(this.folder, BUCKET, key);
  }

  private async createBucket(): Promise<boolean> {
    const client = new S3Client({
      region: 'us-east-1',
      endpoint: this.endpoint,
      forcePathStyle: true,
      credentials: CREDENTIALS,
      maxAttempts: 1,
    });
    await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
    client.destroy();
    return true;
  }
}
