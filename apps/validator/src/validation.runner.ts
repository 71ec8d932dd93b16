import { CHECKS, type CheckName } from '#core/validation/checks.js';
import { examine, type Examination } from '#core/validation/examination.js';
import type { ExpectedInstance } from '#core/validation/instance-checks.js';
import { judgeNotCarriedOut, resultOf, type Judgement } from '#core/validation/judgement.js';
import {
  checksLeft,
  decideValidation,
  mustSpeak,
  ranFor,
  type Validation,
  type ValidationDecision,
  type ValidationInput,
  type ValidationKey,
} from '#core/validation/validation.js';
import type { CheckResult } from '#core/execution/execution.js';
import type { ValidateCommand } from '#contracts/work.messages.js';
import {
  ImpossibleQuestionError,
  takeQuestions,
  type Question,
  type WorkEvents,
} from '#postgres/asked-work.js';
import type { Lease } from '#postgres/service-database.js';
import type { ShardLeases } from '#postgres/shard-leases.js';
import type { Clock } from '#runtime/clock.js';
import { resultMessage } from './validation.outbox.js';
import type {
  AskedValidation,
  RunningValidation,
  StoredValidation,
  ValidationStore,
  ValidationTx,
} from './persistence/validation.store.js';

export type { CheckName, Examination, ExpectedInstance, Lease, RunningValidation, ValidationKey };
export type { StoredValidation };
export type { Sight, Want } from '#core/validation/examination.js';
export type { SmokeAnswer, SmokeCall } from '#core/validation/smoke-tests.js';

export type RunnerEvents = WorkEvents<ValidationInput, ValidationDecision>;

/** Load → decide → commit: the only file that joins the rules of validation and the store. */
export class ValidationRunner {
  constructor(
    private readonly store: ValidationStore,
    private readonly leases: Pick<ShardLeases, 'heldNow'>,
    private readonly clock: Clock,
    private readonly events: RunnerEvents,
  ) {}

  /** What was asked for. Throws ImpossibleQuestionError, and TransientDatabaseError. */
  take(questions: readonly Question<ValidateCommand['data']>[]): Promise<void> {
    const { store, leases, events } = this;
    return takeQuestions({ store, leases, events }, questions, (tx, command) =>
      this.#takeOne(tx, command),
    );
  }

  /** Running validations in shards that this replica owns. */
  runningIn(shards: readonly number[], limit: number): Promise<RunningValidation[]> {
    return this.store.runningIn(shards, limit);
  }

  /** A validation with what was asked, and which of its checks are to be carried out. */
  async load(key: ValidationKey): Promise<(StoredValidation & { left: CheckName[] }) | null> {
    const stored = await this.store.get(key);
    return stored === null ? null : { ...stored, left: checksLeft(stored.validation) };
  }

  /** The instances of a stored page, with the versions they must be on. */
  page(key: ValidationKey, page: number): Promise<ExpectedInstance[]> {
    return this.store.page(key, page);
  }

  /**
   * Begins a check, or begins it again where another owner left off: with how long it has run, and
   * the time it still has, in ms.
   */
  begin(
    check: CheckName,
    { asked, validation }: StoredValidation,
  ): { first: Examination; ranMs: number; leftMs: number } {
    const ranMs = ranFor(validation, this.clock.nowMs());
    const leftMs = Math.max(0, CHECKS[check].deadlineMs - ranMs);
    return { first: examine(check, asked.question), ranMs, leftMs };
  }

  /** A check's result; `found` is null when it could not be carried out, for `trouble`. */
  resultOf(
    check: CheckName,
    found: Judgement | null,
    { durationMs, trouble }: { durationMs: number; trouble: string },
  ): CheckResult {
    return resultOf(check, found ?? judgeNotCarriedOut(trouble), durationMs);
  }

  /** Whether a sign of life is due. */
  mustSpeak(validation: Validation): boolean {
    return mustSpeak(validation, this.clock.nowMs());
  }

  /**
   * What the owner found out, or that time passed. Answers the validation as it stands then; null
   * when it is over, by this or by somebody else. Throws StaleEpochError.
   */
  async report(
    { key, shard }: RunningValidation,
    lease: Lease,
    input: Exclude<ValidationInput, { type: 'VALIDATION_ASKED' }>,
  ): Promise<Validation | null> {
    if (lease.shard !== shard) throw new Error(`lease ${String(lease.shard)} for ${String(shard)}`);
    const next = await this.store.transaction(async (tx) => {
      const [, validation] = await Promise.all([tx.holdLeases([lease]), tx.lock(key)]);
      const decision = decideValidation(validation, input, this.clock.nowMs());
      this.events.decided(input, decision);
      if (decision.kind !== 'DECIDED') return validation;
      await this.#save(tx, decision);
      return decision.next;
    });
    this.events.committed();
    return next?.state === 'RUNNING' ? next : null;
  }

  async #takeOne(tx: ValidationTx, command: ValidateCommand['data']): Promise<boolean> {
    const { executionId, kind, fence, commandId, page, pages } = command;
    const key = { executionId, kind, handOver: fence.handOver };
    const all = await tx.lockAll(executionId);
    const known = all.find((one) => one.kind === kind && one.handOver === key.handOver) ?? null;
    const latestHandOver = all.at(-1)?.handOver ?? 0;
    const question = { type: 'VALIDATION_ASKED', ...key, commandId, page, pages } as const;
    const input = { ...question, latestHandOver };
    const decision = decideValidation(known, input, this.clock.nowMs());
    this.events.decided(input, decision);
    if (decision.kind === 'IMPOSSIBLE') throw new ImpossibleQuestionError(decision.why);
    if (decision.kind === 'ABSORBED') return false;
    if (decision.supersedesOlder) await tx.supersedeOlder(executionId, key.handOver);
    const asked = askedOf(command);
    if (known === null) await tx.insert({ validation: decision.next, asked });
    // The first page says more than the others, and need not be the first that came.
    else if (decision.storesPage && page === 1) await tx.putAsked(key, asked);
    if (decision.storesPage) await tx.addPage(key, page, expectedOf(command));
    await this.#save(tx, decision);
    return true;
  }

  async #save(
    tx: ValidationTx,
    { next, says }: Extract<ValidationDecision, { kind: 'DECIDED' }>,
  ): Promise<void> {
    const said = says === null ? [] : [resultMessage(next, says, this.clock.nowMs())];
    await Promise.all([tx.update(next), tx.send(said)]);
  }
}

function askedOf(command: ValidateCommand['data']): AskedValidation {
  const { snapshot, compatibility, expectedInstances, pages, skipChecks } = command;
  const { requires, installedComponents, smokeTests, takesAll } = command;
  const { target, maxUnavailablePercentage, strategy, stateless } = snapshot;
  return {
    target,
    question: {
      ...{ compatibility, strategy, stateless, maxUnavailablePercentage, expectedInstances },
      ...{ requires, installedComponents, smokeTests, pages, skipChecks },
      ...{ takesAll, targetVersion: snapshot.to.version },
    },
  };
}

/** An instance without a version of its own is to be on the one the upgrade leads to. */
function expectedOf({ instances, snapshot }: ValidateCommand['data']): ExpectedInstance[] {
  return instances.map(({ id, version }) => ({ id, version: version ?? snapshot.to.version }));
}
