import { describe, expect, it } from '@jest/globals';
import { SystemClock } from '#runtime/clock.js';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { busContract } from './message-bus.contract.js';
import { DeadLetters } from './dead-letters.js';
import type { IncomingMessage } from './incoming-message.js';
import { MemoryBus, type BusMove } from './memory-bus.js';

class NoLetters extends DeadLetters {
  override bury(): Promise<void> {
    return Promise.reject(new Error('nothing was to be buried'));
  }
}

const deadLetters = new NoLetters();

busContract(
  'memory',
  () => {
    const bus = new MemoryBus({ topics: [], clock: new SystemClock() });
    return Promise.resolve({
      createTopic: (name, partitions) => {
        bus.createTopic(name, partitions);
        return Promise.resolve();
      },
      producer: (owner) => Promise.resolve(bus.producer(owner)),
      consume: (owner, group, topics, handler, letters) =>
        Promise.resolve(bus.consume(owner, group, topics, handler, { deadLetters: letters })),
      crash: (owner) => {
        bus.abandon(owner);
      },
      cutOff: (owner) => {
        bus.expel(owner);
      },
      reconnect: () => undefined,
      write: (topic, message) => {
        bus.write(topic, message);
        return Promise.resolve();
      },
      rewind: (group) => {
        bus.rewind(group);
        return Promise.resolve();
      },
      isRebalancing: () => Promise.resolve(true),
      lag: (group) => Promise.resolve(bus.lag(group)),
      contents: (topic) => Promise.resolve(bus.contents(topic)),
      stop: () => Promise.resolve(),
    });
  },
  2000,
);

interface Scene {
  readonly bus: MemoryBus;
  readonly clock: SteppedClock;
  readonly moves: string[];
  readonly seen: string[];
  readonly consume: (owner: string) => void;
}

function scene(
  io: (move: BusMove) => unknown = () => undefined,
  sessionTimeoutMs = 0,
  partitions = 1,
): Scene {
  const clock = new SteppedClock();
  const moves: string[] = [];
  const seen: string[] = [];
  const bus = new MemoryBus({
    topics: [{ name: 't', partitions }],
    clock,
    sessionTimeoutMs,
    io: (move) => {
      moves.push(`${move.owner} ${move.kind} ${move.phase}`);
      return Promise.resolve().then(() => io(move));
    },
  });
  const consume = (owner: string): void => {
    bus.consume(
      owner,
      'g',
      ['t'],
      (messages: IncomingMessage[]) => {
        seen.push(...messages.map((message) => `${owner} ${String(message.value)}`));
        return Promise.resolve();
      },
      { deadLetters },
    );
  };
  return { bus, clock, moves, seen, consume };
}

const one = [{ topic: 't', key: 'k', value: 'v' }];

describe('the bus in memory', () => {
  it('tells of every move before and after, always in the same order', async () => {
    const { bus, clock, moves, consume } = scene();
    consume('reader');
    void bus.producer('sender').publish(one);
    await clock.settle();
    expect(moves).toEqual([
      'sender publish before',
      'sender publish after',
      'reader fetch before',
      'reader fetch after',
      'reader commit before',
      'reader commit after',
    ]);
    expect(bus.lag('g')).toBe(0);
  });

  it('writes nothing when the hook fails before, and has written when it fails after', async () => {
    let phase: string = 'before';
    const { bus } = scene((move) => {
      if (move.phase === phase) throw new Error(`lost ${phase}`);
    });
    const producer = bus.producer('sender');
    await expect(producer.publish(one)).rejects.toThrow('lost before');
    expect(bus.contents('t')).toHaveLength(0);
    phase = 'after';
    await expect(producer.publish(one)).rejects.toThrow('lost after');
    expect(bus.contents('t')).toHaveLength(1);
  });

  it('writes twice when the hook says so', async () => {
    const { bus } = scene(() => 'TWICE');
    await bus.producer('sender').publish(one);
    expect(bus.contents('t')).toHaveLength(2);
  });

  it('writes what goes to one partition when the hook says so, and fails', async () => {
    const { bus } = scene(() => 'PART', 0, 4);
    const messages = ['a', 'b', 'c', 'd'].map((key) => ({ topic: 't', key, value: key }));
    await expect(bus.producer('sender').publish(messages)).rejects.toThrow('did not answer');
    const written = bus.contents('t');
    expect(written.length).toBeLessThan(messages.length);
    expect(new Set(written.map(({ partition }) => partition)).size).toBe(1);
  });

  it('writes and answers nothing for an owner that was abandoned in the middle', async () => {
    const { bus, clock } = scene((move) => {
      if (move.kind === 'publish') bus.abandon('sender');
    });
    let isAnswered = false;
    void bus
      .producer('sender')
      .publish(one)
      .finally(() => (isAnswered = true));
    await clock.settle();
    expect(bus.contents('t')).toHaveLength(0);
    expect(isAnswered).toBe(false);
  });

  it('publishes one after the other, in the order of the calls', async () => {
    const gates: (() => void)[] = [];
    const { bus, clock } = scene((move) =>
      move.phase === 'before'
        ? new Promise<void>((resolve) => {
            gates.push(resolve);
          })
        : undefined,
    );
    const producer = bus.producer('sender');
    void producer.publish([{ topic: 't', key: 'k', value: 'first' }]);
    void producer.publish([{ topic: 't', key: 'k', value: 'second' }]);
    await clock.settle();
    expect(gates).toHaveLength(1);
    gates[0]?.();
    await clock.settle();
    gates[1]?.();
    await clock.settle();
    expect(bus.contents('t').map(({ value }) => String(value))).toEqual(['first', 'second']);
  });

  it('delivers again after a crash between handling and commit, when the session is over', async () => {
    const { bus, clock, seen, consume } = scene((move) => {
      if (move.kind !== 'commit' || move.owner !== 'first') return undefined;
      bus.abandon('first');
      return new Promise(() => undefined);
    }, 10_000);
    consume('first');
    consume('second');
    void bus.producer('sender').publish(one);
    await clock.advance(9_999);
    expect(seen).toEqual(['first v']);
    expect(bus.lag('g')).toBe(1);
    await clock.advance(1);
    expect(seen).toEqual(['first v', 'second v']);
    expect(bus.lag('g')).toBe(0);
  });

  it('takes no commit from an owner that was abandoned while it was on its way', async () => {
    const { bus, clock, consume } = scene((move) => {
      if (move.kind === 'commit') bus.abandon('reader');
    });
    consume('reader');
    void bus.producer('sender').publish(one);
    await clock.settle();
    expect(bus.lag('g')).toBe(1);
  });

  it('makes up for a lost commit by the next one, without handling anything twice', async () => {
    let commits = 0;
    const { bus, clock, seen, consume } = scene((move) => {
      if (move.kind !== 'commit' || move.phase !== 'before') return;
      commits += 1;
      if (commits === 1) throw new Error('coordinator away');
    });
    consume('reader');
    const producer = bus.producer('sender');
    void producer.publish(one);
    await clock.advance(5_000);
    expect(bus.lag('g')).toBe(1);
    void producer.publish(one);
    await clock.advance(5_000);
    expect(seen).toEqual(['reader v', 'reader v']);
    expect(bus.lag('g')).toBe(0);
  });

  it('delivers everything once more after a rewind', async () => {
    const { bus, clock, seen, consume } = scene();
    consume('reader');
    await bus.producer('sender').publish([...one, ...one]);
    await clock.settle();
    bus.rewind('g');
    await clock.settle();
    expect(seen).toHaveLength(4);
    expect(bus.lag('g')).toBe(0);
  });
});
