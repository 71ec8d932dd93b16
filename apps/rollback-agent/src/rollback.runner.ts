import { decideRollback } from '#core/rollback/decide-rollback.js';
import type { RollbackDecision, RollbackInput } from '#core/rollback/rollback-inputs.js';
import {
  isActive,
  mustSpeak,
  stopped,
  wantOf,
  type RollbackKey,
  type RollbackSaying,
  type RollbackStatus,
  type RollbackWant,
  type RollbackWork,
} from '#core/rollback/rollback.js';
import type { RollbackCommand } from '#contracts/work.messages.js';
import {
  ImpossibleQuestionError,
  takeQuestions,
  type Question,
  type WorkEvents,
} from '#postgres/asked-work.js';
import type { Lease } from '#postgres/service-database.js';
import type { ShardLeases } from '#postgres/shard-leases.js';
import type { Clock } from '#runtime/clock.js';
import { resultMessage } from './rollback.outbox.js';
import { askedOf, instancesOf, planOf } from './rollback-question.js';
import { understood, type RollbackReport } from './rollback-report.js';
import type {
  AskedRollback,
  RollbackInstance,
  RollbackStore,
  RollbackTx,
  RunningRollback,
  StoredRollback,
} from './persistence/rollback.store.js';

export type { AskedRollback, Lease, RollbackInstance, RollbackReport, RunningRollback };
export type { RollbackWant, RollbackWork };
export type { SetOperationEnded, SetsWant } from '#core/rollback/sets-back.js';

export type RunnerEvents = WorkEvents<RollbackInput, RollbackDecision>;

/** What the owner goes on from after a report. */
export interface Went {
  readonly work: RollbackWork;
  /** Instances that stand in a step by this report. */
  readonly begun: readonly RollbackInstance[];
  /** Nothing more is to be done or said, by this or by somebody else. */
  readonly isOver: boolean;
}

/** Load → decide → commit: the only file that joins the rules of rollbacks and the store. */
export class RollbackRunner {
  constructor(
    private readonly store: RollbackStore,
    private readonly leases: Pick<ShardLeases, 'heldNow'>,
    private readonly clock: Clock,
    private readonly events: RunnerEvents,
  ) {}

  /** What was asked for. Throws ImpossibleQuestionError, and TransientDatabaseError. */
  take(questions: readonly Question<RollbackCommand['data']>[]): Promise<void> {
    const { store, leases, events } = this;
    return takeQuestions({ store, leases, events }, questions, (tx, command) =>
      this.#takeOne(tx, command),
    );
  }

  /** Rollbacks with something to do or to say in shards that this replica owns. */
  activeIn(shards: readonly number[], limit: number): Promise<RunningRollback[]> {
    return this.store.activeIn(shards, limit);
  }

  /** A rollback as its rows have it, with the instances that a target is working on. */
  async load(
    key: RollbackKey,
  ): Promise<(StoredRollback & { underWay: readonly RollbackInstance[] }) | null> {
    const [stored, underWay] = await Promise.all([this.store.get(key), this.store.underWay(key)]);
    return stored === null || !isActive(stored.work) ? null : { ...stored, underWay };
  }

  /** The next instances by index that stand there. */
  next(key: RollbackKey, status: RollbackStatus, limit: number): Promise<RollbackInstance[]> {
    return this.store.next(key, status, limit);
  }

  /** What the owner has to find out before anything more can be begun; null: nothing now. */
  wantOf(work: RollbackWork): RollbackWant | null {
    return wantOf(work);
  }

  /** Whether something is owed, a sign of life if nothing else. */
  mustSpeak(work: RollbackWork): boolean {
    return work.owesReport || mustSpeak(work, this.clock.nowMs());
  }

  /** What the owner found out, or that time passed. Throws StaleEpochError. */
  async report(
    { key, shard }: RunningRollback,
    lease: Lease,
    report: RollbackReport,
  ): Promise<Went> {
    if (lease.shard !== shard) throw new Error(`lease ${String(lease.shard)} for ${String(shard)}`);
    const went = await this.store.transaction(async (tx) => {
      const [, work] = await Promise.all([tx.holdLeases([lease]), tx.lock(key)]);
      const input = await understood(tx, key, report);
      const decision = decideRollback(work, input, this.clock.nowMs());
      this.events.decided(input, decision);
      if (decision.kind === 'IMPOSSIBLE') throw new Error(decision.why);
      if (decision.kind === 'DECIDED') {
        const begun = await this.#save(tx, decision);
        return { work: decision.next, begun };
      }
      if (work === null) throw new Error('there is no such rollback');
      return { work, begun: [] };
    });
    this.events.committed();
    return { ...went, isOver: !isActive(went.work) };
  }

  async #takeOne(tx: RollbackTx, command: RollbackCommand['data']): Promise<boolean> {
    const { executionId, fence, kind, commandId, page, pages } = command;
    const key = { executionId, handOver: fence.handOver };
    const all = await tx.lockAll(executionId);
    const known = all.find(({ handOver }) => handOver === key.handOver) ?? null;
    const other = all.filter(({ handOver }) => handOver !== key.handOver).at(-1) ?? null;
    const instances = instancesOf(command);
    if (instances === null) throw new ImpossibleQuestionError('an index stands there twice');
    const question = { ...key, kind, commandId, page, pages, instances: instances.length } as const;
    const input = { type: 'ROLLBACK_ASKED', ...question, ...planOf(command), other } as const;
    const decision = decideRollback(known, input, this.clock.nowMs());
    this.events.decided(input, decision);
    if (decision.kind === 'IMPOSSIBLE') throw new ImpossibleQuestionError(decision.why);
    if (decision.kind === 'ABSORBED') return false;
    const older = all.filter(({ handOver }) => handOver < key.handOver);
    if (decision.stopsOlder) await Promise.all(older.map((one) => tx.update(stopped(one), false)));
    if (known === null) await tx.insert({ work: decision.next, asked: askedOf(command) });
    if (decision.storesPage) await tx.addInstances(key, instances, this.clock.nowMs());
    await this.#save(tx, decision);
    return true;
  }

  async #save(
    tx: RollbackTx,
    { next, moves, says }: Extract<RollbackDecision, { kind: 'DECIDED' }>,
  ): Promise<RollbackInstance[]> {
    const nowMs = this.clock.nowMs();
    const begun = await tx.apply(next, moves, nowMs);
    // Read after the moves, in the same transaction: what is told is what is committed.
    const settled = await Promise.all(says.map((saying) => this.#told(tx, next, saying)));
    const messages = says.map((saying, at) => {
      return resultMessage(next, saying, settled[at] ?? NOTHING_SETTLED, nowMs);
    });
    await Promise.all([tx.update(next, isActive(next)), tx.send(messages)]);
    return begun;
  }

  #told(tx: RollbackTx, { executionId }: RollbackWork, { handOver, after, upTo }: RollbackSaying) {
    return tx.settled({ executionId, handOver }, after, upTo);
  }
}

const NOTHING_SETTLED = { restored: [], leftOver: [] };
