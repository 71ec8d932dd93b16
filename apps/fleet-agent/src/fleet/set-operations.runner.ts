import type { Clock } from '#runtime/clock.js';
import type { Log } from '#runtime/log.js';
import type { SetPollRequest, SetSubmitRequest } from '#targets/agent-contract.js';
import { AGENT_LIMITS } from '#targets/target-limits.js';
import type { OperationState } from '#targets/target.driver.js';
import { acceptSetOperation, type SetOperationRecord } from './fleet-record.js';
import type { FleetsStore } from './fleets.store.js';
import { ended, isCurrent, operationOf, type OperationEnd } from './operation-ledger.js';
import { setWork, type SerialWork } from './serial-work.js';
import type { SetActEnd, SetActs } from './set-acts.runner.js';

/** Takes operations on sets in, has them carried out one at a time for each fleet, and says how they stand. */
export class SetOperations {
  readonly #store: FleetsStore;
  readonly #acts: SetActs;
  readonly #work: SerialWork;
  readonly #clock: Clock;
  readonly #log: Log;
  /** What this agent has begun, or was asked to take up again. */
  readonly #begun = new WeakSet<SetOperationRecord>();

  constructor(store: FleetsStore, acts: SetActs, work: SerialWork, clock: Clock, log: Log) {
    this.#store = store;
    this.#acts = acts;
    this.#work = work;
    this.#clock = clock;
    this.#log = log;
  }

  /** Goes on with what was under way when the agent went. */
  resume(): void {
    for (const { name, setOperations } of this.#store.all) {
      if (setOperations.operation !== null) this.#begin(name, setOperations.operation.id);
    }
  }

  /**
   * Written down before it is begun, and begun before it is answered. What could not be written down
   * stands unbegun and is begun when it is asked for again.
   */
  async submit(fleet: string, { fence, operation }: SetSubmitRequest): Promise<OperationState> {
    const record = this.#store.find(fleet);
    if (record === undefined) return { id: operation.id, state: 'UNKNOWN' };
    const accepted = acceptSetOperation(record, operation, fence, this.#clock.nowMs());
    if (accepted.state.state === 'REFUSED') return accepted.state;
    this.#store.change(fleet, () => accepted.kept);
    await this.#store.save(fleet);
    this.#begin(fleet, operation.id);
    return accepted.state;
  }

  async poll(fleet: string, { id, waitMs }: SetPollRequest): Promise<OperationState> {
    const endMs = this.#clock.nowMs() + waitMs;
    for (;;) {
      const record = this.#store.find(fleet);
      const known = record === undefined ? null : operationOf(record.setOperations, id);
      const state = known ?? { id, state: 'UNKNOWN' as const };
      const leftMs = endMs - this.#clock.nowMs();
      if (leftMs <= 0 || state.state !== 'RUNNING') {
        await this.#store.save(fleet);
        return state;
      }
      await this.#store.nextChange(fleet, leftMs);
    }
  }

  /** Without effect where it has been begun, or is not what the fleet is to do now. */
  #begin(fleet: string, operationId: string): void {
    const ledger = this.#store.find(fleet)?.setOperations;
    const operation = ledger?.operation ?? null;
    if (operation === null || !isCurrent(ledger, operationId)) return;
    if (this.#begun.has(operation)) return;
    this.#begun.add(operation);
    void this.#work.run(setWork(fleet), (signal) => this.#carryOut(fleet, operation, signal));
  }

  async #carryOut(
    fleet: string,
    operation: SetOperationRecord,
    signal: AbortSignal,
  ): Promise<void> {
    if (!isCurrent(this.#store.find(fleet)?.setOperations, operation.id)) return;
    let end: OperationEnd | null;
    try {
      end = endOf(await this.#act(fleet, operation, signal));
    } catch (error) {
      this.#log.error({ err: error, fleet, operationId: operation.id }, 'an operation broke off');
      end = failed(error instanceof Error ? error.message : String(error));
    }
    // Superseded, or the agent ends: whoever comes next takes it from what is written down.
    if (end === null || signal.aborted) return;
    const ending = end;
    this.#store.change(fleet, (before) => ({
      ...before,
      setOperations: ended(before.setOperations, operation.id, ending),
    }));
    this.#log.info({ fleet, operationId: operation.id, ...ending }, 'operation on a set ended');
    await this.#store.save(fleet).catch((error: unknown) => {
      // Whoever asks for the end has it written down first.
      this.#log.error({ err: error, fleet }, 'an end could not be written down');
    });
  }

  #act(
    fleet: string,
    { asked, beganAtMs }: SetOperationRecord,
    signal: AbortSignal,
  ): Promise<SetActEnd> {
    switch (asked.verb) {
      case 'createSet':
        return this.#acts.create(fleet, asked.set, asked.size, signal);
      case 'switch':
        return this.#acts.switchTo(fleet, asked.set, signal);
      case 'retireSet': {
        const endsAtMs = beganAtMs + (asked.drainTimeoutMs ?? 0);
        return this.#acts.retire(fleet, asked.set, endsAtMs, signal);
      }
      case 'weigh': {
        const { version, percentage } = asked;
        const isShare = version !== undefined && percentage !== null;
        return this.#acts.weigh(fleet, isShare ? { version, percentage } : null, signal);
      }
    }
  }
}

function endOf(end: SetActEnd): OperationEnd | null {
  if (end === null) return null;
  if ('failed' in end) return failed(end.failed);
  return {
    state: 'SUCCEEDED',
    ...(end.closed === undefined ? {} : { closedConnections: end.closed }),
  };
}

function failed(reason: string): OperationEnd {
  return { state: 'FAILED', reason: reason.slice(0, AGENT_LIMITS.reasonMaxChars) };
}
