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
import type { Lease } from '#postgres/service-database.js';
import type { ShardLeases } from '#postgres/shard-leases.js';
import { SHARDS, shardOf } from '#postgres/shard-of.js';
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

/** One page of a question, as it was read. */
export interface Question {
  /** What the inbox remembers its message by. */
  readonly inboxKey: string;
  readonly command: WatchCommand['data'];
}

/** What the runner tells the rest of its process, after the commit and never before. */
export interface RunnerEvents {
  /** Something was committed and may stand in the outbox. Must not throw. */
  readonly committed: () => void;
  /** There are questions about these executions: whoever drives them looks. Must not throw. */
  readonly asked: (executionIds: readonly string[]) => void;
  /** How an input was judged, for metrics and log. Must not throw. */
  readonly decided: (input: WatchInput, decision: WatchDecision) => void;
}

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

/** A question that cannot be meant as it is: its message becomes a dead letter. */
export class ImpossibleQuestionError extends Error {
  override readonly name = 'ImpossibleQuestionError';
}

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

  /**
   * Takes questions in their order, all in one transaction with their inbox rows; what was seen
   * before is passed over. Throws ImpossibleQuestionError, and TransientDatabaseError.
   */
  async take(questions: readonly Question[]): Promise<void> {
    const changed = new Set<string>();
    await this.store.transaction(async (tx) => {
      changed.clear();
      const fresh = await tx.admit(questions.map(({ inboxKey }) => inboxKey));
      for (const { inboxKey, command } of questions) {
        // Of two in one batch with the same key the first counts.
        if (!fresh.delete(inboxKey)) continue;
        if (await this.#takeOne(tx, command)) changed.add(command.executionId);
      }
      await this.#tellOwners(tx, changed);
    });
    this.events.committed();
    if (changed.size > 0) this.events.asked([...changed]);
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

  /** Owners among the other replicas hear of it; the owner here is woken without a word. */
  async #tellOwners(tx: WatchTx, executionIds: ReadonlySet<string>): Promise<void> {
    const own = new Set(this.leases.heldNow().map(({ shard }) => shard));
    await tx.tell([...executionIds].filter((id) => !own.has(shardOf(id, SHARDS))));
  }
}

function sampled({ number, atMs, pages, metrics }: Looked): WatchInput {
  const ofMetrics = metrics.map(({ metric, readings }) => judgeMetric(metric, readings));
  return { type: 'SAMPLED', number, atMs, findings: [judgeHealth(pages), ...ofMetrics] };
}
