/** One connection: a socket, its messages, heartbeats, and the limit on silence. */
import * as net from 'node:net';
import * as tls from 'node:tls';
import { Decoder, type Hello, type Reply } from './decode.js';
import { HEARTBEAT } from './encode.js';
import { ProtocolError } from './errors.js';

/** How an engine is reached. */
export interface Door {
  /** `unix:PATH` or `HOST:PORT`. */
  address: string;
  /** As `ringfence access token` printed it. */
  token?: string | Uint8Array | undefined;
  /**
   * TLS over TCP: `true` for the authorities of Node.js, or options of `tls.connect`: `ca`,
   * `cert` and `key` of a client certificate, `servername`.
   */
  tls?: boolean | tls.ConnectionOptions | undefined;
}

/** What a link passes on. */
export interface LinkEvents {
  /** The hello of the engine, once; what it throws ends the connection. */
  greeted(hello: Hello): void;
  /** Each message after it; what it throws ends the connection. */
  received(reply: Reply): void;
  /** After the messages of one read. */
  paused(): void;
  /** The connection has ended; once. */
  ended(error: Error): void;
}

/** A client sends a heartbeat when it has sent nothing for so long. */
const HEARTBEAT_MS = 1000;
const HELLO_TIMEOUT_MS = 5000;
const IDLE_TIMEOUT_MS = 30_000;
/** How long what was written may take to leave, once a connection is closed. */
const LINGER_MS = 1000;

/** An error with a code, as those of sockets have. */
function lost(message: string): Error {
  return Object.assign(new Error(message), { code: 'ECONNRESET' });
}

/** The bytes of a token. */
export function tokenOf(token: string | Uint8Array | undefined): Uint8Array {
  if (token === undefined) return new Uint8Array();
  return typeof token === 'string' ? new TextEncoder().encode(token) : token;
}

function hostAndPort(address: string): { host: string; port: number } {
  const at = address.lastIndexOf(':');
  const port = address.slice(at + 1);
  if (at < 1 || !/^[0-9]{1,5}$/.test(port) || Number(port) > 65_535) {
    throw new TypeError(`an address is unix:PATH or HOST:PORT, not ${address}`);
  }
  return { host: address.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(port) };
}

/** A `TypeError` if there can be no such door. */
export function checkDoor(door: Door): void {
  if (!door.address.startsWith('unix:')) hostAndPort(door.address);
  else if (door.tls) throw new TypeError('a Unix socket speaks no TLS');
}

function open(door: Door): net.Socket {
  if (door.address.startsWith('unix:')) return net.connect({ path: door.address.slice(5) });
  const { host, port } = hostAndPort(door.address);
  if (!door.tls) return net.connect({ host, port, noDelay: true });
  const options = door.tls === true ? {} : door.tls;
  const name = net.isIP(host) === 0 ? { servername: host } : {};
  return tls.connect({ host, port, ...name, ...options }).setNoDelay(true);
}

export class Link {
  private readonly socket: net.Socket;
  private readonly events: LinkEvents;
  private readonly decoder = new Decoder();
  private readonly beat: NodeJS.Timeout;
  private silence: NodeJS.Timeout;
  private idleMs = HELLO_TIMEOUT_MS;
  private isOver = false;
  private isCorked = false;
  private hasWritten = true;

  /** Connects, and says `greeting` first. */
  constructor(door: Door, greeting: Uint8Array, events: LinkEvents) {
    this.events = events;
    this.socket = open(door);
    this.silence = this.limitSilence(this.idleMs);
    this.beat = setInterval(() => this.keepAlive(), HEARTBEAT_MS / 2);
    this.socket.on('data', (chunk: Uint8Array) => this.take(chunk));
    this.socket.on('error', (error) => this.end(error));
    this.socket.on('close', () => this.end(lost('the connection ended')));
    this.socket.write(greeting);
  }

  /** Sends bytes; those of one turn of the event loop go out together. */
  write(bytes: Uint8Array): void {
    if (this.isOver) return;
    this.hasWritten = true;
    if (!this.isCorked) {
      this.isCorked = true;
      this.socket.cork();
      process.nextTick(() => {
        this.isCorked = false;
        this.socket.uncork();
      });
    }
    this.socket.write(bytes);
  }

  /** Stops and starts reading. */
  pause(isPaused: boolean): void {
    if (this.isOver || isPaused === this.socket.isPaused()) return;
    clearTimeout(this.silence);
    if (isPaused) {
      // The engine cannot be heard now, so it is not silent.
      this.socket.pause();
    } else {
      this.silence = this.limitSilence(this.idleMs);
      this.socket.resume();
    }
  }

  /** Ends the connection; what was written before still goes out. */
  close(): void {
    this.end(lost('the connection was closed'));
  }

  private limitSilence(milliseconds: number): NodeJS.Timeout {
    return setTimeout(() => this.end(lost('the engine is silent')), milliseconds);
  }

  private keepAlive(): void {
    // It is looked at twice a second, so that no second goes by without a message.
    if (!this.hasWritten) this.write(HEARTBEAT);
    this.hasWritten = false;
  }

  private take(chunk: Uint8Array): void {
    if (this.isOver) return;
    if (!this.socket.isPaused()) this.silence.refresh();
    try {
      this.decoder.feed(chunk, (reply) => {
        if (reply.kind === 'hello') this.greet(reply);
        else this.events.received(reply);
      });
    } catch (error) {
      this.end(error instanceof Error ? error : new ProtocolError(String(error)));
      return;
    }
    this.events.paused();
  }

  private greet(hello: Hello): void {
    clearTimeout(this.silence);
    this.idleMs = hello.idleTimeoutMs || IDLE_TIMEOUT_MS;
    this.silence = this.limitSilence(this.idleMs);
    this.events.greeted(hello);
  }

  private end(error: Error): void {
    if (this.isOver) return;
    this.isOver = true;
    clearInterval(this.beat);
    clearTimeout(this.silence);
    // One that is still connecting has nothing to finish.
    if (this.socket.connecting) this.socket.destroy();
    this.socket.destroySoon();
    // The other side may never read the rest.
    setTimeout(() => this.socket.destroy(), LINGER_MS).unref();
    this.events.ended(error);
  }
}
