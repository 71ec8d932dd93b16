import { expect, it } from '@jest/globals';
import { SHARDS } from '#postgres/shard-of.js';
import { anExecution, T0, type ExecutionBuilder } from '#testing/an-execution.js';
import type { ExecutionTx } from './persistence/execution.store.js';
import type { Answer, Asked } from './upgrade-asked.runner.js';
import { UpgradeTransaction } from './upgrade-transaction.runner.js';

const EVERY_SHARD = new Set(Array.from({ length: SHARDS }, (_, shard) => shard));
const by = { by: 'ann', reason: 'enough', force: false };

/** Asks an execution for all this in one transaction; what was done to rows, in order. */
async function asks(execution: ExecutionBuilder, inputs: readonly Asked['input'][]) {
  const before = execution.build();
  const done: string[] = [];
  const answers: Readonly<Record<string, unknown>> = {
    admit: new Set(),
    lock: new Map([[before.id, { execution: before, snapshot: {} }]]),
    save: new Map(),
    standing: [],
    pageOfInstances: [],
  };
  const call = (_: object, name: string) => (): Promise<unknown> => {
    done.push(name);
    return Promise.resolve(answers[name]);
  };
  const tx = new Proxy({}, { get: call }) as ExecutionTx;
  const asked = inputs.map((input) => ({ executionId: before.id, input }));
  const transaction = new UpgradeTransaction(tx, T0, []);
  const answered: Answer[] = await transaction.run(asked, 'wait', EVERY_SHARD);
  return { done, kinds: answered.map(({ kind }) => kind) };
}

it('what a report says of rows is asked when they say what was decided before it', async () => {
  const drained = (index: number) => {
    const head = { step: 'DRAINING', attempt: 1, outcome: 'DONE', indices: [index] } as const;
    return [{ ...head, failure: null, reason: null, closedConnections: 0 }];
  };
  const room = { othersDown: 1, downPending: [2], countedAtMs: T0 };
  const settled = { type: 'STEPS_SETTLED', handOver: 1 } as const;
  const { done } = await asks(
    anExecution().inProgress().withBatch(1, 2).withCounters({ DRAINING: 2, PENDING: 1 }),
    [
      { ...settled, settled: drained(0), room: null },
      { ...settled, settled: drained(1), room },
    ],
  );
  const ofRows = done.filter((name) => name === 'save' || name === 'standing');
  expect(ofRows).toEqual(['save', 'standing', 'save']);
});

it.each(['CANCEL', 'ROLLBACK'] as const)(
  '%s comes before a PAUSE of the same time',
  async (type) => {
    const underWay = anExecution().inProgress().withBatch(1, 1);
    const { kinds } = await asks(underWay.withCounters({ COMPLETED: 1, DRAINING: 1, PENDING: 2 }), [
      { type: 'PAUSE', ...by },
      { type, ...by },
    ]);
    expect(kinds).toEqual(['REFUSED', 'COMMITTED']);
  },
);
