import type { Clock } from '#runtime/clock.js';
import type { Log } from '#runtime/log.js';
import type { PollRequest, SubmitRequest } from '#targets/agent-contract.js';
import { AGENT_LIMITS } from '#targets/target-limits.js';
import type { OperationState } from '#targets/target.driver.js';
import type { FleetsStore } from './fleets.store.js';
import type { InstanceActs } from './instance-acts.runner.js';
import { retiringSet, withRelease, type FleetRecord } from './fleet-record.js';
import { operationRecord, type OperationRecord } from './instance-record.js';
import { accept, ended, isCurrent, operationOf, type OperationEnd } from './operation-ledger.js';
import { instanceWork, type SerialWork } from './serial-work.js';

/** Takes operations in, has them carried out one at a time for each instance, and says how they stand. */
export class Operations {
  readonly #store: FleetsStore;
  readonly #acts: InstanceActs;
  readonly #work: SerialWork;
  readonly #clock: Clock;
  readonly #log: Log;
  /** What this agent has begun, or was asked to take up again. */
  readonly #begun = new WeakSet<OperationRecord>();

  constructor(store: FleetsStore, acts: InstanceActs, work: SerialWork, clock: Clock, log: Log) {
    this.#store = store;
    this.#acts = acts;
    this.#work = work;
    this.#clock = clock;
    this.#log = log;
  }

  /** Goes on with what was under way when the agent went. */
  resume(): void {
    for (const fleet of this.#store.all) {
      for (const { id, operation } of fleet.instances) {
        if (operation !== null) this.#begin(fleet.name, id, operation.id);
      }
    }
  }

  /**
   * Written down before it is begun, and begun before it is answered. What could not be written down
   * stands unbegun and is begun when it is asked for again.
   */
  async submit(
    fleet: string,
    { fence, releases, operations }: SubmitRequest,
  ): Promise<OperationState[]> {
    const nowMs = this.#clock.nowMs();
    const states = operations.map((asked): OperationState => {
      const record = this.#store.instance(fleet, asked.instanceId);
      if (record === undefined) return vanished(asked.id);
      const version = asked.verb === 'bring' ? asked.version : undefined;
      const artifacts = version === undefined ? undefined : releases[version];
      const accepted = accept(record, operationRecord(asked, nowMs), fence);
      if (accepted.begins && record.set === this.#retiring(fleet)) return going(asked.id);
      if (accepted.kept !== record) {
        this.#store.changeInstance(fleet, record.id, () => accepted.kept);
      }
      if (version !== undefined && artifacts !== undefined && accepted.begins) {
        this.#store.change(fleet, (before) => ({
          ...before,
          releases: withRelease(before.releases, version, artifacts),
        }));
      }
      return accepted.state;
    });
    if (states.some(({ state }) => state !== 'REFUSED')) await this.#store.save(fleet);
    for (const { instanceId, id } of operations) this.#begin(fleet, instanceId, id);
    return states;
  }

  async poll(fleet: string, { operations, waitMs }: PollRequest): Promise<OperationState[]> {
    const endMs = this.#clock.nowMs() + waitMs;
    for (;;) {
      const states = operations.map(({ id, instanceId }): OperationState => {
        const record = this.#store.instance(fleet, instanceId);
        if (record === undefined) return vanished(id);
        return operationOf(record, id) ?? { id, state: 'UNKNOWN' };
      });
      const leftMs = endMs - this.#clock.nowMs();
      if (leftMs <= 0 || states.some(({ state }) => state !== 'RUNNING')) {
        await this.#store.save(fleet);
        return states;
      }
      await this.#store.nextChange(fleet, leftMs);
    }
  }

  #retiring(fleet: string): string | null {
    const record = this.#store.find(fleet);
    return record === undefined ? null : retiringSet(record);
  }

  /** Without effect where it has been begun, or is not what the instance is to do now. */
  #begin(fleet: string, instanceId: string, operationId: string): void {
    const record = this.#store.instance(fleet, instanceId);
    const operation = record?.operation ?? null;
    if (operation === null || !isCurrent(record, operationId)) return;
    if (this.#begun.has(operation)) return;
    this.#begun.add(operation);
    void this.#work.run(instanceWork(fleet, instanceId), (signal) =>
      this.#carryOut(fleet, instanceId, operationId, signal),
    );
  }

  async #carryOut(
    fleet: string,
    instanceId: string,
    operationId: string,
    signal: AbortSignal,
  ): Promise<void> {
    const record = this.#store.instance(fleet, instanceId);
    const operation = record?.operation ?? null;
    if (operation === null || !isCurrent(record, operationId)) return;
    let end: OperationEnd | null;
    try {
      end = await this.#act(fleet, instanceId, operation, signal);
    } catch (error) {
      this.#log.error({ err: error, fleet, instanceId, operationId }, 'an operation broke off');
      const why = error instanceof Error ? error.message : String(error);
      end = { state: 'FAILED', reason: why.slice(0, AGENT_LIMITS.reasonMaxChars) };
    }
    // Superseded, or the agent ends: whoever comes next takes it from what is written down.
    if (end === null || signal.aborted) return;
    const ending = end;
    this.#store.changeInstance(fleet, instanceId, (before) => ended(before, operationId, ending));
    this.#log.info({ fleet, instanceId, operationId, ...ending }, 'operation ended');
    await this.#store.save(fleet).catch((error: unknown) => {
      // Whoever asks for the end has it written down first.
      this.#log.error({ err: error, fleet, operationId }, 'an end could not be written down');
    });
  }

  async #act(
    fleet: string,
    instanceId: string,
    operation: OperationRecord,
    signal: AbortSignal,
  ): Promise<OperationEnd | null> {
    switch (operation.verb) {
      case 'drain': {
        const endsAtMs = operation.beganAtMs + operation.drainTimeoutMs;
        const closed = await this.#acts.drain(fleet, instanceId, endsAtMs, signal);
        return closed === null ? null : { state: 'SUCCEEDED', closedConnections: closed };
      }
      case 'readmit': {
        const problem = await this.#acts.readmit(fleet, instanceId, signal);
        return problem === null ? { state: 'SUCCEEDED' } : { state: 'FAILED', reason: problem };
      }
      case 'bring': {
        const release = releaseOf(this.#store.find(fleet), operation);
        if (release === null)
          return { state: 'FAILED', reason: 'the version has no artifacts here' };
        const given = { ...release, operationId: operation.id };
        const brought = await this.#acts.bring(fleet, instanceId, given, signal);
        if (brought === 'ABORTED') return null;
        return brought === 'LISTENS'
          ? { state: 'SUCCEEDED' }
          : { state: 'FAILED', reason: brought.failed.slice(0, AGENT_LIMITS.reasonMaxChars) };
      }
    }
  }
}

function releaseOf(
  fleet: FleetRecord | undefined,
  { version }: OperationRecord,
): { version: string; artifacts: Readonly<Record<string, string>> } | null {
  const artifacts = version === null ? undefined : fleet?.releases[version];
  return version === null || artifacts === undefined ? null : { version, artifacts };
}

function going(id: string): OperationState {
  return { id, state: 'FAILED', reason: "the instance's set is being retired" };
}

function vanished(id: string): OperationState {
  return { id, state: 'FAILED', reason: 'the instance is not there any more', vanished: true };
}
