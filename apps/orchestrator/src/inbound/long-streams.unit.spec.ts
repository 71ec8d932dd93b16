import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { NO_INSTANCES } from '#core/execution/execution.js';
import type { Execution } from '#core/execution/execution.js';
import type { Fact } from '#core/execution/execution-facts.js';
import { ApiUnderTest, deploy } from './api-under-test.contract.js';

const NOTES = 450;
const STREAM = { accept: 'text/event-stream' };

let api: ApiUnderTest;
let id: string;
/** An upgrade that has ended after more events than three pages hold. */
beforeAll(async () => {
  api = await ApiUnderTest.inMemory();
  const { request } = await deploy(api);
  id = (await api.post('tenants/acme/upgrades', request)).body.id;
  await api.parts.executions.transaction(async (tx) => {
    const before = (await tx.lock([id], 'wait')).get(id)?.execution;
    if (before === undefined) throw new Error('there is no such upgrade');
    const sequence = before.sequence + NOTES;
    const next = { ...before, revision: before.revision + 1, sequence } as Execution;
    const progress = { total: 0, completed: 0, failed: 0, rolledBack: 0, percentage: 0 };
    const facts = Array.from({ length: NOTES }, (_, at): Fact => {
      const head = { sequence: before.sequence + 1 + at, revision: next.revision, atMs: 0 };
      const what = { type: 'NOTED', note: 'STOPPING', by: null, waitingKind: null } as const;
      return { ...head, ...what, executionStatus: 'PENDING', why: 'a test', before: progress };
    });
    await tx.save([{ before, next: { ...next, counters: NO_INSTANCES }, facts }]);
  });
  await api.post(`upgrades/${id}/cancel`);
});
afterAll(() => api.close());

const told = (text: string) =>
  [...text.matchAll(/^id: (\d+)$/gm)].map(([, sequence]) => Number(sequence));

it('a stream tells each event once and in its order, over all pages, and ends', async () => {
  const { text } = await api.get(`upgrades/${id}/events`, STREAM);
  const sequences = told(text);
  expect(sequences.length).toBeGreaterThan(NOTES + 1);
  expect(sequences).toEqual(sequences.map((_, at) => at + 1));
  expect(text).toContain('"executionStatus":"CANCELLED"');
});

it('a stream that is taken up at the end of a page goes on with the next event', async () => {
  for (const last of [199, 200, 201, 400]) {
    const { text } = await api.get(`upgrades/${id}/events`, {
      ...STREAM,
      'last-event-id': String(last),
    });
    expect(told(text)[0]).toBe(last + 1);
  }
});

it('pages of events hold each one once, and the last says that it is the last', async () => {
  const sequences: number[] = [];
  for (let cursor = ''; ;) {
    const { body } = await api.get(`upgrades/${id}/events?limit=200${cursor}`);
    const { items, nextCursor } = body as unknown as {
      items: { data: { sequence: number } }[];
      nextCursor: string | null;
    };
    sequences.push(...items.map(({ data }) => data.sequence));
    if (nextCursor === null) break;
    cursor = `&cursor=${encodeURIComponent(nextCursor)}`;
  }
  expect(sequences).toEqual(sequences.map((_, at) => at + 1));
  expect(sequences.length).toBeGreaterThan(NOTES + 1);
  const after = { ...STREAM, 'last-event-id': String(sequences.length) };
  expect((await api.get(`upgrades/${id}/events`, after)).status).toBe(204);
});
