import { describe, expect, it } from '@jest/globals';
import type { ExecutionPlan } from '#core/execution/execution.js';
import type { SimulatedFault } from '#targets/simulated-faults.js';
import { SimulatedWorld } from '../simulation/simulated-world.js';
import { anUpgrade } from '../simulation/upgrades.js';

/** Eight instances, two of which may be down; plays to the end, and tells it as its events do. */
async function played(faults: readonly SimulatedFault[], plan: Partial<ExecutionPlan> = {}) {
  const upgrade = anUpgrade({
    instances: 8,
    faults,
    plan: { batchSize: 2, healthCheckTimeoutSeconds: 2, ...plan },
  });
  const world = await new SimulatedWorld().start();
  await world.upgrade(upgrade);
  await world.settle();
  expect(world.problems).toEqual([]);
  const events = await world.store().events(upgrade.create.id, 0, 200);
  const told = events.flatMap(({ data }) => ('instanceId' in data ? [data] : []));
  return { execution: world.execution(upgrade.create.id), rows: world.rowsHit, told };
}

describe('an instance fails its health check', () => {
  it('once: it is tried again when the others are done, and the upgrade is completed', async () => {
    const { execution, rows, told } = await played([
      { instance: 0, on: 'HEALTH', how: 'FAIL', times: 3 },
    ]);
    expect(execution).toMatchObject({ status: 'COMPLETED', counters: { COMPLETED: 8, FAILED: 0 } });
    expect(rows.get('retry-round')).toBe(1);
    const failed = told.filter(({ instanceStatus }) => instanceStatus === 'FAILED');
    expect(failed).toMatchObject([{ attempt: 1, failure: 'UNHEALTHY' }]);
    const last = told.filter(({ instanceId }) => instanceId === failed[0]!.instanceId).at(-1);
    expect(last).toMatchObject({ instanceStatus: 'COMPLETED', attempt: 2 });
  });

  it('twice: the upgrade is given up, and what was not touched serves on', async () => {
    const { execution, rows } = await played([{ instance: 0, on: 'HEALTH', how: 'FAIL' }]);
    expect(execution).toMatchObject({
      status: 'FAILED',
      failureReason: '1 instances failed again when retried',
    });
    expect(rows.get('failed-again')).toBe(1);
  });

  it('and as many as the threshold allows: with auto-rollback all that was touched goes back', async () => {
    const { execution, rows, told } = await played([{ on: 'HEALTH', how: 'FAIL' }], {
      autoRollbackEnabled: true,
      failureThreshold: 2,
    });
    expect(execution).toMatchObject({
      status: 'ROLLED_BACK',
      counters: { PENDING: 6, ROLLED_BACK: 2 },
    });
    expect(rows.get('threshold-reached')).toBe(1);
    expect(told.filter(({ instanceStatus }) => instanceStatus === 'ROLLED_BACK')).toMatchObject([
      { version: '1.0.0' },
      { version: '1.0.0' },
    ]);
  });

  it('and a threshold above the room is never reached: the failures fill the room, the retry decides', async () => {
    const { execution, rows } = await played([{ on: 'HEALTH', how: 'FAIL' }], {
      failureThreshold: 5,
    });
    expect(execution).toMatchObject({ status: 'FAILED', counters: { PENDING: 6, FAILED: 2 } });
    expect(rows.get('threshold-reached')).toBeUndefined();
    expect(rows.get('failed-again')).toBe(1);
  });
});
