/** Messages of one connection of a subscription, as a program sees them. Nothing here does I/O. */
import { readCommand, type CommandsRead } from './bodies.js';
import { BODY_BYTES } from './commands.js';
import type { Origin, RawCommands, Reply } from './decode.js';
import { ProtocolError } from './errors.js';
import { eventMessage, outcomeMessage, type Message } from './messages.js';
import type { AnyOp } from './numbers.js';
import type { Outcome } from './outcome.js';
import { Queue } from './queue.js';
import { eventOf } from './session.js';

/** A message, or up to which sequence everything has been looked at. */
export type Item = { message: Message } | { progress: bigint };

export class Follower {
  /** Of the last progress or outcome that came. */
  lookedAt: bigint;
  /** Of the last numbered event that came. */
  lastEvent: bigint;
  private origin: Origin | undefined;
  private readonly commands = new Queue<RawCommands>();

  constructor(position: bigint, lastEvent: bigint) {
    this.lookedAt = position;
    this.lastEvent = lastEvent;
  }

  /** Takes a message that came after `subscribed`. */
  take(reply: Reply, put: (item: Item) => void): void {
    switch (reply.kind) {
      case 'outcomes':
        for (const outcome of reply.outcomes) put({ message: this.outcome(outcome) });
        return;
      case 'event': {
        if (reply.number === 0n) return;
        if (reply.number <= this.lastEvent) return;
        this.lastEvent = reply.number;
        const origin = this.originOf(reply.sequence);
        put({ message: eventMessage(eventOf(reply), this.lookedAt, origin) });
        return;
      }
      case 'progress':
        if (reply.sequence > this.lookedAt) this.lookedAt = reply.sequence;
        put({ progress: this.lookedAt });
        return;
      case 'origin':
        this.origin = reply;
        return;
      case 'commands':
        this.commands.push(reply);
        return;
      case 'heartbeat':
        return;
      default:
        throw new ProtocolError(`a message that has no place here: ${reply.kind}`);
    }
  }

  private outcome(outcome: Outcome): Message {
    const { sequence } = outcome;
    this.lookedAt = sequence;
    return outcomeMessage(outcome, this.commandOf(sequence), this.originOf(sequence));
  }

  private originOf(sequence: bigint): Origin | undefined {
    const { origin } = this;
    if (!origin || sequence < origin.firstSequence) return undefined;
    return sequence < origin.firstSequence + BigInt(origin.commands) ? origin : undefined;
  }

  /** The command that came before its outcome, if commands are wanted. */
  private commandOf(sequence: bigint): CommandsRead[AnyOp] | undefined {
    for (;;) {
      const { first } = this.commands;
      if (!first || sequence < first.firstSequence) return undefined;
      const place = Number(sequence - first.firstSequence);
      if (place < first.count) return readCommand(first.op, first.view, place * BODY_BYTES);
      this.commands.shift();
    }
  }
}
