import { describe, expect, it } from '@jest/globals';
import { anExecution, T0 } from '#testing/an-execution.js';
import { given } from '#testing/given.js';
import { failed, fleetCompared, listed, postChecks, preChecks, settled } from '#testing/inputs.js';

const recreate = anExecution()
  .inProgress()
  .withPlan({ strategy: 'RECREATE', batchSize: 1, maxUnavailablePercentage: 1 })
  .withPlan({ failureThreshold: 5 });
const validating = anExecution().validating().withPlan({ strategy: 'RECREATE', batchSize: 1 });

describe('RECREATE', () => {
  it('takes all at once as soon as it may, and asks nobody for room', () => {
    const then = given(validating).when(preChecks('PASSED'), listed(6));
    expect(then.rows).toEqual(['page-listed', 'validated', 'next-batch']);
    expect(then.moves).toEqual(['PENDING → DRAINING: 6']);
    expect(then.asks).not.toContain('COUNT_ROOM');
  });

  it('takes no more than were asked for', () => {
    const then = given(validating).when(preChecks('PASSED'), listed(2, { listed: 6 }));
    expect(then.moves).toEqual(['PENDING → DRAINING: 2']);
  });

  it('does not look at what else is down', () => {
    const then = given(recreate.withCounters({ PENDING: 4 }).withRoom(4)).when(fleetCompared([]));
    expect(then.moves).toEqual(['PENDING → DRAINING: 4']);
  });

  it('tries failed ones again when all have settled, and they drain again', () => {
    const last = recreate.withCounters({ UPGRADING: 1, COMPLETED: 3 }).withBatch(1, 4);
    const then = given(last).when(failed('UPGRADING', [2]));
    expect(then.moves).toEqual(['UPGRADING → FAILED: 1', 'FAILED → DRAINING: 1']);
  });

  it('ends with the checks after', () => {
    const last = recreate.withCounters({ HEALTH_CHECKING: 1, COMPLETED: 3 }).withBatch(1, 4);
    const then = given(last, T0).when(settled('HEALTH_CHECKING', [3]), postChecks('PASSED'));
    expect(then.execution.status).toBe('COMPLETED');
  });
});
