/** @stack own */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startStack, type Stack, type StackPart } from '../../tools/stack/stack.js';
import { startTested, until, type TestedProduct } from './product.js';
import { expectSound } from './soundness.js';

const LIMIT_MS = 180_000;

describe('servers that go away in the middle of an upgrade', () => {
  let stack: Stack;
  let tested: TestedProduct;

  beforeAll(async () => {
    // A stack of its own: the other files' servers are not to be taken away.
    stack = await startStack({ private: true });
    tested = await startTested({ servers: stack });
  }, LIMIT_MS);

  afterAll(async () => {
    await tested.stop();
    await stack.stop();
  }, LIMIT_MS);

  afterEach(async () => {
    // Also when the test has failed in between: the next one is about another fault.
    await stack.kafka.start();
    await stack.postgres.start();
  }, LIMIT_MS);

  it.each<{ part: StackPart; end: 'stop' | 'kill' }>([
    { part: 'kafka', end: 'stop' },
    { part: 'postgres', end: 'stop' },
    { part: 'postgres', end: 'kill' },
  ])(
    '$part after a $end: readiness says so, and the upgrade goes on by itself when it is back',
    async ({ part, end }) => {
      const fleet = await tested.newFleet();
      const load = tested.load(fleet);
      const upgrade = await tested.upgrade(fleet, '1.1.0');
      await upgrade.untilSome('UPGRADING');
      await stack[part][end]();
      const missing = part === 'kafka' ? /consumer|producer/ : /database/;
      await until(`the orchestrator says that ${part} is away`, async () => {
        const { status, text } = await tested.readiness('orchestrator');
        return status === 503 && missing.test(text);
      });
      await stack[part].start();
      await until('the orchestrator is ready again', async () => {
        return (await tested.readiness('orchestrator')).status === 200;
      });
      expect(await upgrade.untilEnded()).toBe('COMPLETED');
      const { dropped, problems } = await load.stop();
      expect({ dropped, problems }).toEqual({ dropped: 0, problems: [] });
      await expectSound(tested, upgrade, fleet);
    },
    LIMIT_MS,
  );
});
