import { spawn, spawnSync } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const PROBE = new URL('./probe.mjs', import.meta.url).href;
const { BENCH_PROFILES } = process.env;
const profiling = BENCH_PROFILES ? ['--cpu-prof', `--cpu-prof-dir=${BENCH_PROFILES}`] : [];
const START_LIMIT_MS = 60_000;
const LOG_LINES_KEPT = 40;

/** The servers get the first core, everything that asks them gets the last. */
const SERVER_CORE = '0';
const CLIENT_CORE = String(cpus().length - 1);
const canPin = cpus().length > 1 && spawnSync('taskset', ['-V']).status === 0;

/** Keeps this process, the load generator, off the servers' core. Says whether that is possible here. */
export function pinThisProcess() {
  if (canPin) spawnSync('taskset', ['-a', '-c', '-p', CLIENT_CORE, String(process.pid)]);
  return canPin;
}

const CORES = { server: SERVER_CORE, client: CLIENT_CORE, any: `${SERVER_CORE}-${CLIENT_CORE}` };

/** A server in a process of its own that said `{"message":"ready","endpoint":…}` and answers the probe. */
export class ServerProcess {
  /**
   * Starts a script of Node's under the probe, or a program that answers the same readings on its standard input.
   * @param {{ script?: string, program?: string, args?: string[], env?: object, place?: 'server' | 'client' | 'any' }} what
   */
  static async start({ script, program, args = [], env = {}, place = 'server' }) {
    const node = [process.execPath, ...profiling, '--expose-gc', '--import', PROBE, script];
    const command = [...(program ? [program] : node), ...args];
    const [file, ...rest] = canPin ? ['taskset', '-c', CORES[place], ...command] : command;
    const startedAt = performance.now();
    const child = spawn(file, rest, {
      env: { PATH: process.env.PATH, HOME: process.env.HOME, NODE_ENV: 'production', ...env },
      stdio: program ? ['pipe', 'pipe', 'pipe'] : ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const server = new ServerProcess(child);
    Object.assign(server, await server.#ready());
    server.startMs = performance.now() - startedAt;
    return server;
  }

  #child;
  #log = [];
  /** By what is read. */
  #readings = new EventEmitter();

  constructor(child) {
    this.#child = child;
    child.on('message', (message) => this.#take(message));
  }

  get pid() {
    return this.#child.pid;
  }

  /** Asks the probe for `cpu` or `memory`. */
  async ask(read) {
    const answer = new Promise((resolve, reject) => {
      const ended = () => reject(new Error(this.#ending()));
      this.#child.once('exit', ended);
      this.#readings.once(read, (value) => {
        this.#child.off('exit', ended);
        resolve(value);
      });
    });
    if (this.#child.stdin) this.#child.stdin.write(`${read}\n`);
    else this.#child.send({ read });
    return answer;
  }

  /** Memory in RAM as the kernel counts it, in bytes: now, and the most it ever was. */
  residentMemory() {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    const bytes = (field) => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) * 1024;
    return { now: bytes('VmRSS'), peak: bytes('VmHWM') };
  }

  async stop() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const late = setTimeout(() => this.#child.kill('SIGKILL'), 15_000);
    await exited;
    clearTimeout(late);
  }

  async #ready() {
    const { promise, resolve, reject } = Promise.withResolvers();
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        if (line.startsWith('{"read"')) return this.#take(JSON.parse(line));
        this.#log.push(line);
        if (this.#log.length > LOG_LINES_KEPT) this.#log.shift();
        if (line.includes('"message":"ready"')) resolve(JSON.parse(line));
      });
    }
    this.#child.once('exit', () => reject(new Error(this.#ending())));
    const limit = setTimeout(() => reject(new Error(`not ready: ${this.#ending()}`)), START_LIMIT_MS);
    const { endpoint, key } = await promise.finally(() => clearTimeout(limit));
    return { endpoint, key };
  }

  #take({ read, value }) {
    this.#readings.emit(read, value);
  }

  #ending() {
    return `${this.#child.spawnargs.join(' ')}\nexit ${this.#child.exitCode}\n${this.#log.join('\n')}`;
  }
}

/** Folder of the benchmark's own servers. */
export const serverScript = (name) => join(import.meta.dirname, 'servers', `${name}.mjs`);
