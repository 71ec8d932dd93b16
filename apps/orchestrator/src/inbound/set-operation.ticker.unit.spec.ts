import { expect, it } from '@jest/globals';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { anExecution, T0 } from '#testing/an-execution.js';
import { TargetUnreachableError, type TargetDriver } from '#targets/target.driver.js';
import { STEP_LIMITS } from '#core/limits.js';
import { SetOperationTicker } from './set-operation.ticker.js';

it('an operation at a target that is away has failed when its time is over, and not before', async () => {
  const clock = new SteppedClock(T0);
  const driver = {
    submitSet: () => Promise.reject(new TargetUnreachableError('nobody answers')),
  } as unknown as TargetDriver;
  const ticker = new SetOperationTicker(driver, clock);
  const execution = anExecution().blueGreen('CREATING').build();
  const advance = () => ticker.advance(execution, { handOver: 1, epoch: 1 });
  await clock.advance(STEP_LIMITS.setOperationMs + execution.plan.drainTimeoutSeconds * 1_000 - 1);
  await expect(advance()).rejects.toThrow('nobody answers');
  await clock.advance(1);
  const reason = 'TIMEOUT: nobody answers';
  const failed = { type: 'SET_OPERATION_ENDED', number: 1, outcome: 'FAILED', reason };
  expect(await advance()).toMatchObject(failed);
});
