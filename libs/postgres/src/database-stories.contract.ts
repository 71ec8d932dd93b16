import fc from 'fast-check';
import { type DatabaseUnderTest, gate, type Replica } from './database-under-test.contract.js';
import type { ServiceTx } from './service-database.js';

const SUBJECT = '0b9c5a0e-2f0f-4b52-9a51-3d0e8f5a7c11';
const OWNERS = ['ann', 'bob'] as const;

/**
 * What one of two owners does next in its transaction, which begins by itself. Rows of `plain` claim
 * nothing; a write to one of `claiming` may take another's claim.
 */
export type Command = { readonly by: 0 | 1 } & (
  | { readonly does: 'commit' | 'roll back' }
  | { readonly does: 'lock' | 'skip' | 'remove' | 'read'; readonly plain: Key }
  | { readonly does: 'put' | 'insert' | 'put if 0'; readonly plain: Key; readonly text: string }
  | { readonly does: 'put' | 'insert'; readonly claiming: Key; readonly claim: string | null }
  | { readonly does: 'remove' | 'read'; readonly claiming: Key }
  | { readonly does: 'admit' | 'send' | 'arm' | 'disarm'; readonly number: Key }
);
type Key = 0 | 1 | 2;

const by = fc.constantFrom(0 as const, 1 as const);
const key = fc.constantFrom<Key[]>(0, 1, 2);
const text = fc.constantFrom('0', '1');
const oneOf = <const T extends string>(...does: T[]) => fc.constantFrom<T[]>(...does);

export const aCommand: fc.Arbitrary<Command> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ by, does: oneOf('commit', 'roll back') }) },
  {
    weight: 4,
    arbitrary: fc.record({ by, does: oneOf('lock', 'skip', 'remove', 'read'), plain: key }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ by, does: oneOf('put', 'insert', 'put if 0'), plain: key, text }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      ...{ by, does: oneOf('put', 'insert'), claiming: key },
      claim: fc.constantFrom('p', 'q', null),
    }),
  },
  { weight: 2, arbitrary: fc.record({ by, does: oneOf('remove', 'read'), claiming: key }) },
  {
    weight: 4,
    arbitrary: fc.record({ by, does: oneOf('admit', 'send', 'arm', 'disarm'), number: key }),
  },
);

/** In the order in which every transaction goes through them, so that no two wait in a circle. */
const RANKS = { plain: 0, claiming: 10, number: 20 } as const;
const TIMERS_BEHIND_KEYS = 10;

/** One owner's transaction, held open between commands. */
interface Session<Tx> {
  readonly tx: Tx;
  readonly end: (how: 'commit' | 'roll back') => Promise<unknown>;
  /** What it has gone through. */
  rank: number;
}

/**
 * Plays commands one after the other, and tells the story: what each was answered with, which of
 * them had to wait, and when they went on. Who waits is passed over until then.
 */
export class Storyteller<Tx extends ServiceTx> {
  readonly story: string[] = [];
  readonly #sessions: (Session<Tx> | null)[] = [null, null];
  /** By owner: the command that has not been answered. */
  readonly #waiting: (string | null)[] = [null, null];
  #answered: string[] = [];

  constructor(
    private readonly under: DatabaseUnderTest<Tx>,
    private readonly replicas: readonly Replica<Tx>[],
  ) {}

  async play(commands: readonly Command[]): Promise<string[]> {
    await this.replicas[0]?.database.transaction(async (tx) => {
      for (const row of ['x0', 'x1'])
        await this.under.things.put(tx, row, { text: '0', claim: null });
      await this.under.things.put(tx, 'a0', { text: '0', claim: 'p' });
    });
    for (const command of commands) await this.#next(command);
    // Of two that are open one can go on, and the other when that one has ended.
    for (const by of [0, 1, 0, 1] as const) await this.#next({ by, does: 'commit' });
    return [...this.story, ...(await this.#leftOver())];
  }

  async #next(command: Command): Promise<void> {
    const { by } = command;
    if (this.#waiting[by] !== null) return;
    const isEnd = command.does === 'commit' || command.does === 'roll back';
    if (isEnd && this.#sessions[by] === null) return;
    const session = (this.#sessions[by] ??= await this.#begin(by));
    if (!isEnd && !mayGo(session, command)) return;
    const { by: _, ...what } = command;
    const name = `${OWNERS[by]}: ${Object.values(what).join(' ')}`;
    if (isEnd) this.#sessions[by] = null;
    this.#waiting[by] = name;
    const asked = isEnd ? session.end(command.does) : this.#ask(session.tx, command);
    const answered = (answer: unknown): void => {
      this.#waiting[by] = null;
      this.#answered.push(`${name} → ${JSON.stringify(answer ?? 'done')}`);
    };
    asked.then(answered, (error: unknown) => {
      answered(error instanceof Error ? `${error.name} ${constraintOf(error)}` : error);
    });
    await this.#comeToRest();
  }

  async #comeToRest(): Promise<void> {
    const { under } = this;
    await under.eventually(async () => {
      const waiting = this.#waiting.filter((one) => one !== null).length;
      return waiting === 0 || (await under.blocked()) === waiting;
    });
    // Both may have been answered at once; then nobody says in which order.
    this.story.push(...this.#answered.sort());
    this.#answered = [];
    for (const one of this.#waiting) if (one !== null) this.story.push(`${one} …`);
  }

  async #begin(by: 0 | 1): Promise<Session<Tx>> {
    const begun = gate();
    const ending = Promise.withResolvers<'commit' | 'roll back'>();
    let given: Tx | undefined;
    const over = this.replicas[by]?.database.transaction(async (tx) => {
      given = tx;
      begun.open();
      if ((await ending.promise) === 'roll back') throw new Error('rolled back');
    });
    over?.catch(() => undefined);
    await begun.opened;
    const tx = given as Tx;
    await this.under.patiently(tx);
    const end = async (how: 'commit' | 'roll back'): Promise<unknown> => {
      ending.resolve(how);
      return over;
    };
    return { tx, end, rank: -1 };
  }

  #ask(tx: Tx, command: Command): Promise<unknown> {
    const { things } = this.under;
    if ('number' in command) return plumbing(tx, command.does, command.number);
    if (!('plain' in command || 'claiming' in command)) return Promise.resolve();
    const row = 'plain' in command ? `x${command.plain}` : `a${command.claiming}`;
    const claim = 'claim' in command ? command.claim : null;
    const thing = { text: 'text' in command ? command.text : 'c', claim };
    switch (command.does) {
      case 'lock':
        return things.lock(tx, row, 'wait');
      case 'skip':
        return things.lock(tx, row, 'skip');
      case 'read':
        return things.read(tx, row);
      case 'remove':
        return things.remove(tx, row);
      case 'put':
        return things.put(tx, row, thing);
      case 'insert':
        return things.insert(tx, row, thing);
      case 'put if 0':
        return things.putIf(tx, row, '0', thing);
    }
  }

  /** What everybody finds at the end. */
  async #leftOver(): Promise<string[]> {
    const [reader] = this.replicas;
    if (reader === undefined) return [];
    const { database } = reader;
    const rows = await database.transaction(async (tx) => {
      const found: unknown[] = [];
      for (const row of ['x0', 'x1', 'x2', 'a0', 'a1', 'a2']) {
        found.push(await this.under.things.read(tx, row));
      }
      return [...found, [...(await tx.admit(['0', '1', '2']))].sort()];
    });
    const outbox = await database.takeOutbox([0, 1, 2], 100);
    const timers = await database.dueTimers([0, 1, 2], 100, 100);
    const sent = outbox.map(({ message }) => message?.value);
    return [rows, sent, timers].map((each) => JSON.stringify(each));
  }
}

function constraintOf(error: Error): string {
  return 'constraint' in error ? String(error.constraint) : error.message;
}

/** Keeps a transaction in the order of ranks; claims are moved once, because they have no order. */
function mayGo<Tx>(session: Session<Tx>, command: Command): boolean {
  if (command.does === 'read' || command.does === 'skip' || command.does === 'send') return true;
  const rank = rankOf(command);
  const isClaim = 'claiming' in command;
  if (rank < session.rank || (isClaim && session.rank >= RANKS.claiming)) return false;
  session.rank = isClaim ? RANKS.number - 1 : rank;
  return true;
}

function rankOf(command: Command): number {
  if ('plain' in command) return RANKS.plain + command.plain;
  if ('claiming' in command) return RANKS.claiming + command.claiming;
  if (!('number' in command)) return 0;
  const isTimer = command.does === 'arm' || command.does === 'disarm';
  return RANKS.number + command.number + (isTimer ? TIMERS_BEHIND_KEYS : 0);
}

async function plumbing(
  tx: ServiceTx,
  does: 'admit' | 'send' | 'arm' | 'disarm',
  number: Key,
): Promise<unknown> {
  const kind = String(number);
  if (does === 'admit') return [...(await tx.admit([kind]))];
  if (does === 'send') return tx.send([{ shard: number, topic: 't', key: 'k', value: kind }]);
  if (does === 'disarm') return tx.disarm([{ subject: SUBJECT, kind }]);
  return tx.arm([{ shard: number, subject: SUBJECT, kind, atMs: number + 1 }]);
}
