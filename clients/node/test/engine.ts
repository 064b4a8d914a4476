/** A real engine in a temporary folder, and a proxy that cuts its connections. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { Client, type ClientOptions } from '../src/index.js';
import { PROGRAM, SKIP } from './repository.js';

/** A test that needs an engine. */
export function engineTest(name: string, run: (t: TestContext) => Promise<void>): void {
  test(name, { skip: SKIP, timeout: 120_000 }, run);
}

/** A folder that is gone after the test. */
export function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'ringfence-node-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A TCP port of loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** An engine; started again after a kill, it goes on. */
export class Engine {
  readonly dir: string;
  readonly address: string;
  private readonly options: string[];
  private process: ChildProcess | undefined;

  private constructor(folder: string, options: string[]) {
    this.dir = join(folder, 'data');
    this.address = `unix:${join(folder, 'socket')}`;
    this.options = options;
  }

  static async start(t: TestContext, ...options: string[]): Promise<Engine> {
    const engine = new Engine(folderOf(t), options);
    await engine.start();
    t.after(() => engine.kill());
    return engine;
  }

  async start(): Promise<void> {
    const tables = ['--accounts', '1000', '--transfers', '100000'];
    const where = ['--data-dir', this.dir, '--listen', this.address];
    const child = spawn(PROGRAM!, ['run', ...where, ...tables, ...this.options], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.process = child;
    let said = '';
    await new Promise<void>((resolve, reject) => {
      child.stderr!.on('data', (data) => {
        said += data;
        if (said.includes('ready on')) resolve();
      });
      child.once('exit', () => reject(new Error(`the engine has ended: ${said}`)));
    });
  }

  /** Ends the process with a signal, and waits until it is gone. */
  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    const child = this.process;
    this.process = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exit = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await exit;
  }

  /** What the journal holds: a list of batches. */
  dump(): Record<string, unknown>[][] {
    const { stdout, status } = spawnSync(PROGRAM!, ['journal', 'dump', '--data-dir', this.dir], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    if (status !== 0) throw new Error('journal dump has failed');
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
      .map((batch) => (Array.isArray(batch) ? batch : [batch]));
  }
}

/** A client that is closed after the test. */
export async function connect(
  t: TestContext,
  address: string,
  options: Omit<ClientOptions, 'address'> = {},
): Promise<Client> {
  const client = await Client.connect(address, options);
  t.after(() => client.close());
  return client;
}

/** Creates the accounts 1 and 2 on ledger 978. */
export async function openAccounts(client: Client): Promise<void> {
  await client.execute('create_account', [
    { id: 1, ledger: 978, code: 1 },
    { id: 2, ledger: 978, code: 1 },
  ]);
}

/** A payment from account 1 to account 2. */
export function payment(id: bigint | number, amount = 1) {
  const accounts = { debit_account_id: 1, credit_account_id: 2 };
  return { id, ...accounts, amount, ledger: 978, code: 1 };
}

/** Passes bytes on to an engine's socket, and cuts each connection after a random number. */
export class Cutter {
  readonly address: string;
  /** Set it to `false` to let everything pass. */
  cuts = true;
  private readonly server: net.Server;
  private readonly sockets = new Set<net.Socket>();

  constructor(t: TestContext, engine: Engine, random: () => number) {
    const path = join(folderOf(t), 'cut');
    this.address = `unix:${path}`;
    this.server = net.createServer((client) => {
      const behind = net.connect(engine.address.slice(5));
      for (const [from, to] of [[client, behind], [behind, client]] as const) {
        this.sockets.add(from);
        let left = 1 + Math.floor(random() * 40_000);
        from.on('data', (data: Buffer) => {
          if (this.cuts && data.length >= left) {
            to.end(data.subarray(0, left));
            from.destroy();
          } else {
            left -= data.length;
            to.write(data);
          }
        });
        from.on('error', () => undefined);
        from.on('close', () => {
          this.sockets.delete(from);
          to.destroySoon();
        });
      }
    });
    this.server.listen(path);
    t.after(() => this.close());
  }

  close(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }
}

/** Numbers from 0 up to 1 that follow from a seed. */
export function dice(seed: number): () => number {
  let state = seed + 0x9e3779b9;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Waits so many milliseconds. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Waits until a condition is true, or fails after ten seconds. */
export async function until(isTrue: () => boolean, what: string): Promise<void> {
  const end = performance.now() + 10_000;
  while (!isTrue()) {
    if (performance.now() > end) throw new Error(`in ten seconds it did not come true: ${what}`);
    await pause(5);
  }
}
