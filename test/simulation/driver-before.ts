/** A driver in front of another one: all it does not do itself goes through. */
import type { TargetDriver } from '#targets/target.driver.js';

export function before(driver: TargetDriver, own: Partial<TargetDriver>): TargetDriver {
  return {
    capabilities: (signal) => driver.capabilities(signal),
    list: (query, signal) => driver.list(query, signal),
    room: (except, signal) => driver.room(except, signal),
    submit: (operations, fence, signal) => driver.submit(operations, fence, signal),
    poll: (operations, waitMs, signal) => driver.poll(operations, waitMs, signal),
    sets: (signal) => driver.sets(signal),
    submitSet: (operation, fence, signal) => driver.submitSet(operation, fence, signal),
    pollSet: (id, waitMs, signal) => driver.pollSet(id, waitMs, signal),
    backups: (signal) => driver.backups(signal),
    metric: (query, signal) => driver.metric(query, signal),
    address: (set, signal) => driver.address(set, signal),
    ...own,
  };
}
