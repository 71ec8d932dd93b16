/** What happens inside one transaction of the runner. */
import { SHARDS, shardOf } from '#postgres/shard-of.js';
import type { Lease } from '#postgres/service-database.js';
import { allowedActions, decide } from '#core/execution/decide.js';
import type { Execution } from '#core/execution/execution.js';
import {
  isAction,
  type Action,
  type ActionType,
  type Input,
} from '#core/execution/execution-inputs.js';
import type { Fact } from '#core/execution/execution-facts.js';
import type { Request, TimerKind } from '#core/execution/execution-requests.js';
import { whatItTakes } from '#core/execution/refusals.js';
import { takePage, type TakenInstance } from '#core/execution/listing.js';
import { readingAsItStands } from '#core/strategies/room.js';
import type { ExecutionTx, StoredExecution } from './persistence/execution.store.js';
import { Refusal } from './refusal.js';
import {
  WAKE,
  type Answer,
  type Asked,
  type Committed,
  type Judged,
  type MovedInstance,
  type RawReport,
} from './upgrade-asked.runner.js';
import { carryOut } from './upgrade-requests.runner.js';

/** An execution's state while a transaction decides several inputs of it, one after another. */
interface Working {
  /** As its row stands: what was locked, or what has been saved since. */
  before: StoredExecution;
  next: Execution;
  /** Decided and not saved yet. */
  facts: Fact[];
  taken: TakenInstance[];
  /** Ids of a new set's instances, for the rows from `first` on. */
  named: { readonly first: number; readonly ids: readonly string[] }[];
  /** Instances that were taken in, by what has been saved. */
  readonly moved: MovedInstance[];
  readonly requests: Request[];
  readonly actions: Action[];
}

/** What a report means by the rows as they stand, and what the rows learn from it. */
interface Understood {
  readonly input: Input;
  readonly taken?: readonly TakenInstance[];
  readonly named?: Working['named'][number];
}

/** Reports that speak of instances by how their rows stand. */
const READS_ROWS: readonly string[] = [
  'STEPS_SETTLED',
  'ROOM_COUNTED',
  'FLEET_COMPARED',
  'ROLLBACK_ANSWERED',
  'PAGE_READ',
];

type RollbackAnswered = Extract<RawReport, { type: 'ROLLBACK_ANSWERED' }>;

/** The timers whose firing is a report. */
const FIRED: Readonly<Partial<Record<Input['type'], TimerKind>>> = {
  BATCH_DELAY_OVER: 'BATCH_DELAY',
  REMINDER_DUE: 'REMINDER',
  DEADLINE_PASSED: 'DEADLINE',
};

/** Locks, decides in memory one input after another, and writes everything set-based. */
export class UpgradeTransaction {
  readonly #working = new Map<string, Working>();
  readonly #fired: { subject: string; kind: TimerKind }[] = [];

  constructor(
    private readonly tx: ExecutionTx,
    private readonly nowMs: number,
    private readonly judged: Judged[],
  ) {}

  async run(
    asked: readonly Asked[],
    mode: 'wait' | 'skip',
    owned: ReadonlySet<number>,
  ): Promise<Answer[]> {
    const ids = [...new Set(asked.map(({ executionId }) => executionId))].sort();
    const keys = asked.flatMap(({ inboxKey }) => (inboxKey === undefined ? [] : [inboxKey]));
    const [fresh, , locked] = await Promise.all([
      this.tx.admit(keys),
      this.tx.holdLeases(leasesOf(asked)),
      this.tx.lock(ids, mode),
    ]);
    const answers = new Map<Asked, Answer | 'CHANGED'>();
    for (const one of inOrder(asked)) {
      const stored = locked.get(one.executionId);
      if (one.inboxKey !== undefined && !fresh.delete(one.inboxKey)) {
        answers.set(one, { kind: 'ABSORBED', stored: stored ?? null });
      } else if (stored === undefined) {
        answers.set(one, mode === 'skip' ? { kind: 'BUSY' } : unknownExecution(one));
      } else {
        answers.set(one, await this.#decide(one, stored));
      }
    }
    // A timer that fired is gone, unless what was decided arms it again.
    await this.tx.disarm(this.#fired);
    const changes = await this.#write(owned);
    return asked.map((one) => {
      const answer = answers.get(one) ?? 'CHANGED';
      if (answer !== 'CHANGED') return answer;
      return { kind: 'COMMITTED', change: changes.get(one.executionId) as Committed };
    });
  }

  async #decide(asked: Asked, stored: StoredExecution): Promise<Answer | 'CHANGED'> {
    const working = this.#working.get(asked.executionId) ?? workingOn(stored);
    const refusal = notAsInsisted(asked, working.next);
    if (refusal !== null) return { kind: 'REFUSED', refusal };
    // What it means hangs on the rows: they must say what was decided before it.
    if (READS_ROWS.includes(asked.input.type) && working.facts.length > 0) {
      await this.#save([working]);
    }
    const understood = await this.#understood(asked.input, working.next);
    const { input } = understood;
    const decision = decide(working.next, input, this.nowMs);
    const fired = FIRED[input.type];
    if (fired !== undefined) this.#fired.push({ subject: asked.executionId, kind: fired });
    this.judged.push({
      executionId: asked.executionId,
      input: input.type,
      kind: decision.kind,
      rows: 'rows' in decision ? decision.rows : [],
      facts: decision.kind === 'DECIDED' ? decision.facts : [],
    });
    switch (decision.kind) {
      case 'REFUSED':
        return {
          kind: 'REFUSED',
          refusal: notAllowed(working.next, input, decision.allowedActions),
        };
      case 'FORBIDDEN':
        return { kind: 'REFUSED', refusal: forbidden(working.next, decision.why) };
      case 'IMPOSSIBLE':
        return { kind: 'IMPOSSIBLE', reason: decision.reason };
      case 'ABSORBED':
        return { kind: 'ABSORBED', stored: { ...stored, execution: working.next } };
      case 'DECIDED':
        working.next = decision.next;
        working.facts.push(...decision.facts);
        working.requests.push(...decision.requests);
        working.taken.push(...(understood.taken ?? []));
        if (understood.named !== undefined) working.named.push(understood.named);
        if (isAction(input)) working.actions.push(input);
        this.#working.set(asked.executionId, working);
        return 'CHANGED';
    }
  }

  /** What a report means can depend on how the rows stand, which only the lock's holder knows. */
  async #understood(input: Action | RawReport, execution: Execution): Promise<Understood> {
    switch (input.type) {
      case 'PAGE_READ':
        return this.#pageTaken(input, execution);
      case 'SET_PAGE_READ': {
        const { handOver, cursor, nextCursor, ids } = input;
        const first = execution.newSet?.named ?? 0;
        const wanted = ids.slice(0, Math.max(0, execution.total - first));
        const count = wanted.length;
        return {
          input: { type: 'SET_LISTED', handOver, cursor, nextCursor, count },
          named: { first, ids: wanted },
        };
      }
      case 'STEPS_SETTLED':
      case 'ROOM_COUNTED':
        return { input: await this.#asItStands(input, execution.id) };
      case 'FLEET_COMPARED': {
        const pending = await this.#pendingOf(execution.id, input.vanished);
        return { input: { ...input, vanished: [...pending] } };
      }
      case 'ROLLBACK_ANSWERED':
        return { input: await this.#restored(input, execution) };
      default:
        return { input };
    }
  }

  async #pageTaken(
    page: Extract<RawReport, { type: 'PAGE_READ' }>,
    execution: Execution,
  ): Promise<Understood> {
    if (execution.status !== 'VALIDATING') {
      const { cursor, nextCursor } = page;
      const counts = { listed: 0, taken: 0, alreadyThere: 0 };
      return { input: { type: 'INSTANCES_LISTED', ...counts, cursor, nextCursor } };
    }
    const ids = page.instances.map(({ id }) => id);
    const { revertOf, plan } = execution;
    // BLUE_GREEN takes the whole set back; elsewhere only what the other execution has moved.
    const isPartial = revertOf !== null && plan.newSet === null;
    const moved = isPartial ? new Set(await this.tx.movedAmong(revertOf, ids)) : null;
    const { report, taken } = takePage(execution, page, moved);
    return { input: report, taken };
  }

  async #restored(
    { handOver, setsRestored, leftOver, done, ...input }: RollbackAnswered,
    execution: Execution,
  ): Promise<Input> {
    const standing = await this.tx.standing(execution.id, input.restored);
    const restored = Map.groupBy(
      standing.filter(({ status }) => status !== 'ROLLED_BACK' && status !== 'PENDING'),
      ({ status }) => status,
    );
    return {
      ...{ type: 'ROLLBACK_PROGRESSED', handOver, setsRestored, leftOver, done },
      restored: [...restored].map(([from, instances]) => {
        return { from, indices: instances.map(({ index }) => index) };
      }),
    };
  }

  /** Down instances that a batch has taken since the count was made cannot be taken again. */
  async #asItStands(
    input: Extract<RawReport, { room: unknown }>,
    executionId: string,
  ): Promise<Input> {
    const { room } = input;
    if (room === null || room.downPending.length === 0) return input;
    const pending = await this.#pendingOf(executionId, room.downPending);
    return { ...input, room: readingAsItStands(room, pending) };
  }

  async #pendingOf(executionId: string, indices: readonly number[]): Promise<ReadonlySet<number>> {
    const standing = indices.length === 0 ? [] : await this.tx.standing(executionId, indices);
    const pending = standing.filter(({ status }) => status === 'PENDING');
    return new Set(pending.map(({ index }) => index));
  }

  async #write(owned: ReadonlySet<number>): Promise<ReadonlyMap<string, Committed>> {
    const all = [...this.#working.values()];
    if (all.length === 0) return new Map();
    const recorded = all.flatMap((working) => this.#recordActions(working));
    // All at once: of two that fail, one that nobody awaited would end the process.
    await Promise.all([this.#save(all), ...recorded]);
    const changes = new Map<string, Committed>();
    const foreign: string[] = [];
    for (const working of all) {
      const stored = { ...working.before, execution: working.next };
      await carryOut(this.tx, stored, working.requests);
      changes.set(working.next.id, { stored, taken: working.moved });
      if (!owned.has(shardOf(working.next.id, SHARDS))) foreign.push(working.next.id);
    }
    await wakeOwners(this.tx, foreign, this.nowMs);
    return changes;
  }

  /** Writes what was decided so far, set-based; it can go on from there. */
  async #save(all: readonly Working[]): Promise<void> {
    const added = all.map(({ next, taken }) => this.tx.addInstances(next.id, taken, this.nowMs));
    const named = all.flatMap(({ next, named }) =>
      named.map(({ first, ids }) => this.tx.nameInstances(next.id, first, ids)),
    );
    // Rows have their names before they move: a move answers with them.
    if (named.length > 0) await Promise.all(named);
    const saved = this.tx.save(
      all.map(({ before, next, facts }) => ({ before: before.execution, next, facts })),
    );
    const [moved] = await Promise.all([saved, ...added]);
    for (const working of all) {
      working.moved.push(...(moved.get(working.next.id) ?? []));
      working.before = { ...working.before, execution: working.next };
      working.facts = [];
      working.taken = [];
      working.named = [];
    }
  }

  #recordActions({ next, actions }: Working): Promise<void>[] {
    return actions.map(({ type, by, reason, force }) => {
      const { id: executionId, revision } = next;
      const action = { executionId, action: type, by, reason, force };
      return this.tx.recordAction({ ...action, revision, atMs: this.nowMs });
    });
  }
}

/** Whoever stops or takes back comes before who waits, who before who goes on (spec §3). */
const ACTIONS_IN_ORDER: readonly (readonly ActionType[])[] = [
  ['CANCEL', 'ROLLBACK'],
  ['PAUSE'],
  ['PROMOTE_CANARY'],
  ['RESUME', 'APPROVE', 'START', 'REVERT'],
];

/** Reports as they came, then actions by what they do; those of one rank as they came. */
function inOrder(asked: readonly Asked[]): Asked[] {
  const rank = ({ input: { type } }: Asked): number =>
    ACTIONS_IN_ORDER.findIndex((types) => (types as readonly string[]).includes(type));
  return [...asked].sort((a, b) => rank(a) - rank(b));
}

/** The owner is another replica: a notification now, and a row in case it gets lost. */
export async function wakeOwners(
  tx: Pick<ExecutionTx, 'arm' | 'tell'>,
  ids: readonly string[],
  atMs: number,
): Promise<void> {
  if (ids.length === 0) return;
  const timers = ids.map((subject) => {
    return { shard: shardOf(subject, SHARDS), subject, kind: WAKE, atMs };
  });
  await Promise.all([tx.arm(timers), tx.tell(ids)]);
}

function workingOn(before: StoredExecution): Working {
  const { execution: next } = before;
  return { before, next, facts: [], taken: [], named: [], moved: [], requests: [], actions: [] };
}

function leasesOf(asked: readonly Asked[]): Lease[] {
  const byShard = new Map<number, Lease>();
  for (const { lease } of asked) if (lease !== undefined) byShard.set(lease.shard, lease);
  return [...byShard.values()].sort((a, b) => a.shard - b.shard);
}

function unknownExecution(asked: Asked): Answer {
  if (!isAction(asked.input as Input)) {
    return { kind: 'IMPOSSIBLE', reason: `there is no execution ${asked.executionId}` };
  }
  return { kind: 'REFUSED', refusal: noSuchUpgrade(asked.executionId) };
}

function noSuchUpgrade(id: string): Refusal {
  return new Refusal('NOT_FOUND', 404, `There is no upgrade ${id}`);
}

function notAsInsisted({ strict }: Asked, execution: Execution): Refusal | null {
  if (strict === undefined) return null;
  if (strict.tenantId !== null && strict.tenantId !== execution.tenantId) {
    return noSuchUpgrade(execution.id);
  }
  if (strict.ifMatchRevision !== null && strict.ifMatchRevision !== execution.revision) {
    return new Refusal('REVISION_MISMATCH', 412, 'The upgrade has another revision by now', {
      currentRevision: execution.revision,
      currentStatus: execution.status,
      allowedActions: allowedActions(execution),
    });
  }
  return null;
}

function forbidden(execution: Execution, why: string): Refusal {
  const { status: currentStatus } = execution;
  const actions = allowedActions(execution);
  return new Refusal('FORBIDDEN', 403, why, { currentStatus, allowedActions: actions });
}

function notAllowed(execution: Execution, input: Input, actions: readonly string[]): Refusal {
  const { status: currentStatus, stopping } = execution;
  const doing = stopping === null ? '' : ` and stopping to ${stopping.to}`;
  const title = `${input.type} is not allowed while the upgrade is ${currentStatus}${doing}`;
  const detail = isAction(input) ? whatItTakes(execution, input) : null;
  return new Refusal('NOT_ALLOWED', 409, title, {
    ...{ currentStatus, allowedActions: actions },
    ...(detail !== null && { detail }),
  });
}
