import { expect, it } from '@jest/globals';
import type { RollbackCommand } from '#contracts/work.messages.js';
import { instancesOf } from './rollback-question.js';

const snapshot = { from: { version: '1.0.0' }, to: { version: '1.1.0' } };
const command = (instances: readonly object[]) =>
  ({ snapshot, instances }) as unknown as RollbackCommand['data'];

it('an instance goes back to its own version, and to where the upgrade came from if it told none', () => {
  const told = { index: 0, id: 'i-0', version: '0.9.0' };
  const untold = { index: 1, id: 'i-1', version: null };
  expect(instancesOf(command([told, untold]))).toEqual([
    { index: 0, instanceId: 'i-0', version: '0.9.0' },
    { index: 1, instanceId: 'i-1', version: '1.0.0' },
  ]);
});

it('a page that names an index twice is no page', () => {
  const twice = { index: 0, id: 'i-0', version: null };
  expect(instancesOf(command([twice, { ...twice, id: 'i-1' }]))).toBeNull();
});
