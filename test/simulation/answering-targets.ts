/** Targets as they are: what they really answer, before a planted bug may make something else of it. */
import type { TargetDriver, TargetDrivers } from '#targets/target.driver.js';
import type { SeenAnswer } from './invariants/invariant.js';
import { AlteredTargets } from './planted-bugs/altered-targets.js';
import type { ServiceName } from './simulated-process.js';
import { addressOf } from './simulated-smoke-tests.js';

/** @param answered told of every answer, in the turn in which it is given */
export function answeringTargets(
  targets: TargetDrivers,
  service: ServiceName,
  answered: (answer: SeenAnswer) => void,
): TargetDrivers {
  return new AlteredTargets(targets, (driver, { settings }) => {
    const by = { service, fleet: String(settings['fleet']) };
    const told: Partial<TargetDriver> = {
      list: async (query, signal) => {
        const page = await driver.list(query, signal);
        answered({ ...by, to: 'LIST', instances: page.instances });
        return page;
      },
      room: async (except, signal) => {
        const count = await driver.room(except, signal);
        answered({ ...by, to: 'ROOM', down: count.down });
        return count;
      },
      submit: async (operations, fence, signal) => {
        const states = await driver.submit(operations, fence, signal);
        answered({ ...by, to: 'OPERATIONS', states });
        return states;
      },
      poll: async (operations, waitMs, signal) => {
        const states = await driver.poll(operations, waitMs, signal);
        answered({ ...by, to: 'OPERATIONS', states });
        return states;
      },
      metric: async (query, signal) => {
        const value = await driver.metric(query, signal);
        answered({ ...by, to: 'METRIC', value });
        return value;
      },
    };
    // The simulated driver answers no requests; here somebody does.
    return { ...told, address: () => Promise.resolve(addressOf(by.fleet)) };
  });
}
