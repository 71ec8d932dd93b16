import type { Fence, InstanceVerb, OperationState, SetOperation } from '#targets/target.driver.js';
import { greeter, until, type Fleet, type RealAgent } from './real-agent.js';

export const FENCE: Fence = { handOver: 1, epoch: 1 };
export const OLD = '1.0.0';
export const NEW = '1.1.0';
export const GREEN = 'green';

export type SetOrder = Omit<SetOperation, 'id'>;

export const create = (size: number): SetOrder => ({ verb: 'createSet', set: GREEN, size });
export const switchTo = (set: string): SetOrder => ({ verb: 'switch', set });
export const retire = (set: string): SetOrder => ({
  verb: 'retireSet',
  set,
  drainTimeoutMs: 10_000,
});

let asked = 0;

export function operationOf(order: SetOrder): SetOperation {
  asked += 1;
  return { id: `e/${asked}/${order.verb}`, ...order };
}

/** Orders to a real agent, waited for; whichever process answers by then. */
export class Orders {
  readonly #agent: () => RealAgent;

  constructor(agent: () => RealAgent) {
    this.#agent = agent;
  }

  async ending(fleet: Fleet, { id }: SetOperation): Promise<OperationState> {
    let state: OperationState = { id, state: 'RUNNING' };
    await until(async () => {
      state = await this.#agent().open(fleet.name).pollSet(id, 1_000);
      return state.state !== 'RUNNING';
    });
    return state;
  }

  async onSet(fleet: Fleet, order: SetOrder): Promise<OperationState> {
    const operation = operationOf(order);
    await this.#agent().open(fleet.name).submitSet(operation, FENCE);
    return this.ending(fleet, operation);
  }

  async each(
    fleet: Fleet,
    ids: readonly string[],
    verb: InstanceVerb,
    version = NEW,
  ): Promise<void> {
    const driver = this.#agent().open(fleet.name);
    const what = verb === 'bring' ? { version, artifacts: greeter(version) } : {};
    const operations = ids.map((instanceId) => {
      asked += 1;
      return { id: `e/${asked}/${instanceId}/${verb}`, instanceId, verb, ...what };
    });
    let states = await driver.submit(operations, FENCE);
    await until(async () => {
      states = await driver.poll(operations, 1_000);
      return states.every(({ state }) => state !== 'RUNNING');
    });
    const failed = states.filter(({ state }) => state !== 'SUCCEEDED');
    if (failed.length > 0) throw new Error(JSON.stringify(failed));
  }

  /** A set of so many beside the first, each on NEW and readmitted. */
  async standby(fleet: Fleet, size: number): Promise<string[]> {
    const created = await this.onSet(fleet, create(size));
    if (created.state !== 'SUCCEEDED') throw new Error(JSON.stringify(created));
    const ids = await this.ids(fleet, GREEN);
    await this.each(fleet, ids, 'bring');
    await this.each(fleet, ids, 'readmit');
    return ids;
  }

  async ids(fleet: Fleet, set?: string): Promise<string[]> {
    const query = set === undefined ? { limit: 100 } : { set, limit: 100 };
    const { instances } = await this.#agent().open(fleet.name).list(query);
    return instances.map(({ id }) => id);
  }

  async address(fleet: Fleet, set: string | null): Promise<string> {
    return (await this.#agent().open(fleet.name).address(set)) ?? 'none';
  }
}
