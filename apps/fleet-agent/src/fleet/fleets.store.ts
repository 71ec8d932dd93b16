import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '#runtime/clock.js';
import { DurableFile, readIfThere, removeDurably } from '../processes/durable-file.store.js';
import { FleetRecord } from './fleet-record.js';
import type { InstanceRecord } from './instance-record.js';

interface KeptFleet {
  record: FleetRecord;
  /** How often it was changed, and how much of that has been written down. */
  changes: number;
  saved: number;
  readonly file: DurableFile;
  /** Set free at the next change. */
  waiting: (() => void)[];
}

/**
 * What the agent knows, in memory and in one file a fleet. A change counts at once; `save` resolves
 * when it would survive a crash, and nothing is done or answered on its strength before that.
 */
export class FleetsStore {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #instancesMax: number;
  readonly #fleets = new Map<string, KeptFleet>();

  /** @param instancesMax how many instances all fleets together may have */
  constructor(folder: string, clock: Clock, instancesMax: number) {
    this.#folder = folder;
    this.#clock = clock;
    this.#instancesMax = instancesMax;
  }

  get all(): FleetRecord[] {
    return [...this.#fleets.values()].map((kept) => kept.record);
  }

  /** How many more instances there may be. */
  get spare(): number {
    const listed = this.all.reduce((sum, { instances }) => sum + instances.length, 0);
    return Math.max(0, this.#instancesMax - listed);
  }

  async load(): Promise<void> {
    const files = await readdir(this.#folder).catch(() => []);
    for (const name of files.filter((file) => file.endsWith('.json'))) {
      const text = await readIfThere(join(this.#folder, name));
      if (text !== null) this.add(FleetRecord.parse(JSON.parse(text)));
    }
  }

  find(fleet: string): FleetRecord | undefined {
    return this.#fleets.get(fleet)?.record;
  }

  instance(fleet: string, id: string): InstanceRecord | undefined {
    return this.find(fleet)?.instances.find((instance) => instance.id === id);
  }

  add(record: FleetRecord): void {
    const { name } = record;
    const file = new DurableFile(join(this.#folder, `${name}.json`), () =>
      JSON.stringify(this.find(name) ?? record),
    );
    this.#fleets.set(name, { record, changes: 1, saved: 0, file, waiting: [] });
  }

  /** Changes a fleet; without effect when it is no more. */
  change(fleet: string, change: (record: FleetRecord) => FleetRecord): void {
    const kept = this.#fleets.get(fleet);
    if (kept === undefined) return;
    kept.record = change(kept.record);
    kept.changes += 1;
    for (const wake of kept.waiting.splice(0)) wake();
  }

  /** Changes an instance; without effect when it is no more. */
  changeInstance(
    fleet: string,
    id: string,
    change: (instance: InstanceRecord) => InstanceRecord,
  ): void {
    this.change(fleet, (record) => ({
      ...record,
      instances: record.instances.map((each) => (each.id === id ? change(each) : each)),
    }));
  }

  /** Resolves when all that is known of the fleet now is written down. */
  async save(fleet: string): Promise<void> {
    const kept = this.#fleets.get(fleet);
    if (kept === undefined || kept.saved === kept.changes) return;
    const { changes } = kept;
    await kept.file.save();
    kept.saved = Math.max(kept.saved, changes);
  }

  async remove(fleet: string): Promise<void> {
    const kept = this.#fleets.get(fleet);
    if (kept === undefined) return;
    await kept.file.save();
    this.#fleets.delete(fleet);
    for (const wake of kept.waiting) wake();
    await removeDurably(join(this.#folder, `${fleet}.json`));
  }

  /** Resolves at the fleet's next change, or after `waitMs`. */
  async nextChange(fleet: string, waitMs: number): Promise<void> {
    const kept = this.#fleets.get(fleet);
    if (kept === undefined) return;
    const woken = new AbortController();
    const wake = (): void => woken.abort();
    kept.waiting.push(wake);
    await this.#clock.sleep(waitMs, woken.signal);
    kept.waiting = kept.waiting.filter((other) => other !== wake);
  }
}
