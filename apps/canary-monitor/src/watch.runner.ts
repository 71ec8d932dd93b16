import {
  judgeHealth,
  judgeMetric,
  judgePage,
  type ExpectedCanary,
  type MetricReading,
  type PageHealth,
  type PageSight,
} from '#core/canary/canary-findings.js';
import {
  pauseMs,
  sampleDue,
  wordDue,
  type CanaryWatch,
  type WatchKey,
} from '#core/canary/canary-watch.js';
import { decideWatch, type WatchDecision, type WatchInput } from '#core/canary/decide-watch.js';
import { sampleOrder, type SampleOrder as Order } from '#core/canary/sample-order.js';
import type { CanaryMetric, WatchCommand } from '#contracts/work.messages.js';
import {
  ImpossibleQuestionError,
  takeQuestions,
  type Question,
  type WorkEvents,
} from '#postgres/asked-work.js';
import type { Lease } from '#postgres/service-database.js';
import type { ShardLeases } from '#postgres/shard-leases.js';
import type { Clock } from '#runtime/clock.js';
import { askedOf, canariesOf } from './watch-question.js';
import { resultMessage } from './watch.outbox.js';
import type {
  AskedWatch,
  RunningWatch,
  StoredWatch,
  WatchStore,
  WatchTx,
} from './persistence/watch.store.js';

export type { AskedWatch, CanaryMetric, CanaryWatch, ExpectedCanary, Lease, MetricReading };
export type { PageHealth, PageSight, RunningWatch, StoredWatch, WatchKey };
export type SampleOrder = Order<CanaryMetric>;

export type RunnerEvents = WorkEvents<WatchInput, WatchDecision>;

/** What the owner saw at a moment of the grid. */
export interface Looked {
  readonly type: 'LOOKED';
  /** Of the grid. */
  readonly number: number;
  /** When the look began, ms since 1970. */
  readonly atMs: number;
  readonly pages: readonly PageHealth[];
  readonly metrics: readonly {
    readonly metric: CanaryMetric;
    /** One for each page of canaries where the target was asked. */
    readonly readings: readonly MetricReading[];
  }[];
}

export type WatchReport = Looked | { readonly type: 'TIME_PASSED' };

/** Load → decide → commit: the only file that joins the rules of watches and the store. */
export class WatchRunner {
  /** @param intervalMs of the grids of watches that are asked for here */
  constructor(
    private readonly store: WatchStore,
    private readonly leases: Pick<ShardLeases, 'heldNow'>,
    private readonly clock: Clock,
    private readonly intervalMs: number,
    private readonly events: RunnerEvents,
  ) {}

  /** What was asked for. Throws ImpossibleQuestionError, and TransientDatabaseError. */
  take(questions: readonly Question<WatchCommand['data']>[]): Promise<void> {
    const { store, leases, events } = this;
    return takeQuestions({ store, leases, events }, questions, (tx, command) =>
      this.#takeOne(tx, command),
    );
  }

  /** Running watches in shards that this replica owns. */
  runningIn(shards: readonly number[], limit: number): Promise<RunningWatch[]> {
    return this.store.runningIn(shards, limit);
  }

  /** A watch with what was asked; null when it does not run. */
  async load(key: WatchKey): Promise<StoredWatch | null> {
    const stored = await this.store.get(key);
    return stored?.watch.state === 'RUNNING' ? stored : null;
  }

  /** The canaries of a stored page, with the versions they must be on. */
  page(key: WatchKey, page: number): Promise<ExpectedCanary[]> {
    return this.store.page(key, page);
  }

  /** The sample that is to be taken now; null: none is. */
  sampleDue({ watch, asked }: StoredWatch): SampleOrder | null {
    const number = sampleDue(watch, this.clock.nowMs());
    return number === null ? null : sampleOrder(watch, number, asked);
  }

  /** Whether something is to be said or decided without a sample. */
  wordDue(watch: CanaryWatch): boolean {
    return wordDue(watch, this.clock.nowMs());
  }

  /** How long until there may be something to do again, in ms. */
  pauseMs(watch: CanaryWatch): number {
    return pauseMs(watch, this.clock.nowMs());
  }

  /** How a page of canaries is, by what was seen of it. */
  judgePage(sight: PageSight): PageHealth {
    return judgePage(sight);
  }

  /**
   * What the owner saw, or that time passed. Answers the watch as it stands then; null when it does
   * not run any more, by this or by somebody else. Throws StaleEpochError.
   */
  async report(
    { key, shard }: RunningWatch,
    lease: Lease,
    report: WatchReport,
  ): Promise<CanaryWatch | null> {
    if (lease.shard !== shard) throw new Error(`lease ${String(lease.shard)} for ${String(shard)}`);
    const input = report.type === 'LOOKED' ? sampled(report) : report;
    const next = await this.store.transaction(async (tx) => {
      const [, watch] = await Promise.all([tx.holdLeases([lease]), tx.lock(key)]);
      const decision = decideWatch(watch, input, this.clock.nowMs());
      this.events.decided(input, decision);
      if (decision.kind !== 'DECIDED') return watch;
      await this.#save(tx, decision);
      return decision.next;
    });
    this.events.committed();
    return next?.state === 'RUNNING' ? next : null;
  }

  async #takeOne(tx: WatchTx, command: WatchCommand['data']): Promise<boolean> {
    const { executionId, kind, fence, commandId, page, pages } = command;
    const { beganAtMs, durationSeconds } = command;
    const key = { executionId, handOver: fence.handOver };
    const all = await tx.lockAll(executionId);
    const known = all.find(({ handOver }) => handOver === key.handOver) ?? null;
    const latestHandOver = all.at(-1)?.handOver ?? 0;
    const question = { type: 'WATCH_ASKED', ...key, kind, commandId, page, pages } as const;
    const grid = { beganAtMs, durationMs: durationSeconds * 1_000, intervalMs: this.intervalMs };
    const input = { ...question, ...grid, latestHandOver };
    const decision = decideWatch(known, input, this.clock.nowMs());
    this.events.decided(input, decision);
    if (decision.kind === 'IMPOSSIBLE') throw new ImpossibleQuestionError(decision.why);
    if (decision.kind === 'ABSORBED') return false;
    if (decision.supersedesOlder) await tx.supersedeOlder(executionId, key.handOver);
    if (known === null) await tx.insert({ watch: decision.next, asked: askedOf(command) });
    if (decision.storesPage) await tx.addPage(key, page, canariesOf(command));
    await this.#save(tx, decision);
    return true;
  }

  async #save(
    tx: WatchTx,
    { next, says }: Extract<WatchDecision, { kind: 'DECIDED' }>,
  ): Promise<void> {
    const said = says === null ? [] : [resultMessage(next, says, this.clock.nowMs())];
    await Promise.all([tx.update(next), tx.send(said)]);
  }
}

function sampled({ number, atMs, pages, metrics }: Looked): WatchInput {
  const ofMetrics = metrics.map(({ metric, readings }) => judgeMetric(metric, readings));
  return { type: 'SAMPLED', number, atMs, findings: [judgeHealth(pages), ...ofMetrics] };
}
