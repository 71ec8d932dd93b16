import type { Clock } from '#runtime/clock.js';
import type { TargetDriver } from '#targets/target.driver.js';
import { TargetProbe } from '#targets/target.probe.js';
import type { ExpectedInstance, Sight, Want } from '../validation.runner.js';
import type { SmokeCaller } from './smoke-test.client.js';

/** What a probe looks with. */
export interface ProbeParts {
  readonly driver: TargetDriver;
  /** The stored page of the question with this number, from 1. */
  readonly pageOf: (page: number) => Promise<ExpectedInstance[]>;
  readonly callSmokeTest: SmokeCaller;
  readonly clock: Clock;
}

/** Looks at one target, and at what was asked of it. Throws what the driver throws. */
export class CheckProbe {
  readonly #target: TargetProbe;

  constructor(private readonly parts: ProbeParts) {
    this.#target = new TargetProbe(parts.driver, parts.clock);
  }

  async see(want: Want, signal: AbortSignal): Promise<Sight> {
    const { driver, pageOf, callSmokeTest, clock } = this.parts;
    if (want.want === 'PAGE') {
      const expected = await pageOf(want.page);
      const ids = expected.map(({ id }) => id);
      if (ids.length === 0) return { want: 'PAGE', expected, instances: [] };
      const { instances } = await driver.list({ ids, limit: ids.length }, signal);
      return { want: 'PAGE', expected, instances };
    }
    if (want.want === 'CALL') {
      const { call } = want;
      if (call.pauseMs > 0) await clock.sleep(call.pauseMs, signal);
      return { want: 'CALL', answer: await callSmokeTest(call, signal) };
    }
    return this.#target.see(want, signal);
  }
}
