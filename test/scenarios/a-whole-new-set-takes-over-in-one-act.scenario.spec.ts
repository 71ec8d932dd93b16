import { expect, it } from '@jest/globals';
import { Scenario } from './scenario.js';

const PLAN = { strategy: 'BLUE_GREEN', newSet: 'u-new' } as const;

it('a whole new set takes over in one act, and the old one is kept for a while', async () => {
  const scenario = await new Scenario({ plan: PLAN }).begin();
  const execution = await scenario.end(
    'new-set',
    'set-operation-ended',
    'set-page-listed',
    'traffic-switched',
    'post-checks-passed',
  );
  expect(execution).toMatchObject({ status: 'COMPLETED', newSet: { state: 'LIVE' } });
});
