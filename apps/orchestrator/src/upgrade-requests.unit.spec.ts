import { describe, expect, it } from '@jest/globals';
import type { Request } from '#core/execution/execution-requests.js';
import { PAGE_OF_INSTANCES } from '#core/limits.js';
import type { OutgoingMessage } from '#postgres/service-database.js';
import { aStoredExecution } from './persistence/execution.contract.js';
import type {
  ExecutionTx,
  StoredExecution,
  StoredInstance,
} from './persistence/execution.store.js';
import { carryOut } from './upgrade-requests.runner.js';

interface Page {
  readonly instances: readonly { readonly index: number; readonly version: string | null }[];
  readonly page: number;
  readonly pages: number;
}

/** `touched` instances that came from one of these versions, then as many that were not touched. */
function rowsOf(touched: number, versions: readonly (string | null)[]): StoredInstance[] {
  return Array.from({ length: 2 * touched }, (_, index) => ({
    ...{ index, instanceId: `i-${String(index)}`, attempt: 1, failure: null, movedAtMs: 0 },
    fromVersion: versions[index % versions.length] ?? null,
    status: index < touched ? 'COMPLETED' : 'PENDING',
  }));
}

/** Carries these requests out over these rows: the pages sent, versions looked up, timers set. */
async function carriedOut(
  stored: StoredExecution,
  requests: readonly Request[],
  rows: readonly StoredInstance[] = [],
) {
  const pages: Page[] = [];
  const asked: (readonly string[])[] = [];
  const timers: unknown[] = [];
  const tx: Partial<ExecutionTx> = {
    pageOfInstances: (_, { afterIndex, limit, touchedOnly }) => {
      const wanted = rows.filter(({ status }) => !touchedOnly || status !== 'PENDING');
      return Promise.resolve(wanted.filter(({ index }) => index > afterIndex).slice(0, limit));
    },
    plannedVersions: (_, versions) => {
      asked.push(versions);
      return Promise.resolve([]);
    },
    send: (messages: readonly OutgoingMessage[]) => {
      for (const { value } of messages) pages.push((JSON.parse(value) as { data: Page }).data);
      return Promise.resolve();
    },
    arm: (armed) => {
      timers.push(...armed.map(({ kind, atMs }) => [kind, atMs]));
      return Promise.resolve();
    },
    disarm: (gone) => {
      timers.push(...gone.map(({ kind }) => [kind, null]));
      return Promise.resolve();
    },
    recordDeployment: () => Promise.resolve(),
  };
  await carryOut(tx as ExecutionTx, stored, requests);
  return { pages, asked, timers };
}

describe('work on instances', () => {
  const many = PAGE_OF_INSTANCES + 1;
  const rows = rowsOf(many, ['1.0.0']);

  it.each<[Request, number]>([
    [{ type: 'ROLL_BACK', handOver: 2 }, many],
    [{ type: 'WATCH_CANARIES', handOver: 2 }, many],
    [{ type: 'RUN_POST_CHECKS', handOver: 2, takesAll: true }, 2 * many],
  ])('%p is sent in pages that hold each one it is about, once', async (request, count) => {
    const { pages } = await carriedOut(aStoredExecution(), [request], rows);
    const indices = pages.flatMap(({ instances }) => instances.map(({ index }) => index));
    expect(indices).toEqual(Array.from({ length: count }, (_, index) => index));
    expect(pages.map(({ page }) => page)).toEqual(pages.map((_, at) => at + 1));
    for (const { pages: all } of pages) expect(all).toBe(pages.length);
  });
});

it('a rollback looks up the versions that its message does not tell anyway', async () => {
  const rows = rowsOf(4, ['1.0.0', '0.9.0', '1.1.0', null]);
  const { asked, pages } = await carriedOut(
    aStoredExecution(),
    [{ type: 'ROLL_BACK', handOver: 2 }],
    rows,
  );
  expect(asked).toEqual([['0.9.0']]);
  const versions = pages.flatMap(({ instances }) => instances.map(({ version }) => version));
  expect(versions).toEqual(['1.0.0', '0.9.0', '1.1.0', null]);
});

it('of several words about one timer the last counts', async () => {
  const timer = 'DEADLINE';
  const { timers } = await carriedOut(aStoredExecution(), [
    { type: 'ARM_TIMER', timer, atMs: 1 },
    { type: 'DISARM_TIMER', timer },
    { type: 'ARM_TIMER', timer: 'BATCH_DELAY', atMs: 3 },
    { type: 'ARM_TIMER', timer, atMs: 2 },
  ]);
  expect(timers).toEqual([
    ['BATCH_DELAY', 3],
    ['DEADLINE', 2],
  ]);
});

it.each([
  [null, []],
  [1, [['OBSERVE', 5]]],
])(
  'a target is asked what it runs where something was started (%p)',
  async (startedAtMs, armed) => {
    const ended = aStoredExecution({ startedAtMs, lastProgressAtMs: 5 });
    const record = { type: 'RECORD_DEPLOYMENT', currentVersionId: null, leftOver: [] } as const;
    const { timers } = await carriedOut(ended, [record]);
    expect(timers).toEqual(armed);
  },
);
