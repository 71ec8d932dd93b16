import { beforeEach, describe, expect, it } from '@jest/globals';
import { SystemClock } from '#runtime/clock.js';
import type { ListRequest } from '#targets/agent-contract.js';
import { emptyFleet, withPlaces, type FleetRecord } from '../src/fleet/fleet-record.js';
import { HealthProbe, type Health } from '../src/fleet/health.probe.js';
import { list, room } from '../src/fleet/survey.js';
import { InstanceProcesses } from '../src/processes/instance-process.driver.js';

const clock = new SystemClock();
const SIZE = 5;

/** Ports of instances that are not healthy. */
let ill: Set<number>;
let fleet: FleetRecord;

class SaidHealth extends HealthProbe {
  override healthOf(launch: { port: number } | null): Promise<Health> {
    const healthy = launch !== null && !ill.has(launch.port);
    return Promise.resolve({ version: '1.0.0', healthy, problem: null });
  }
}

const probe = new SaidHealth(new InstanceProcesses('/none', '/none', clock), clock);

beforeEach(() => {
  ill = new Set();
  const empty = emptyFleet('api', '1.0.0', 0);
  const both = withPlaces(withPlaces(empty, empty.live, { size: SIZE, admitted: true }), 'green', {
    size: 2,
    admitted: false,
  });
  const instances = both.instances.map((each, port) => {
    return { ...each, launch: { token: String(port), version: '1.0.0', port, operationId: null } };
  });
  fleet = { ...both, instances };
});

const change = (index: number, admitted: boolean): void => {
  const instances = fleet.instances.map((each, at) =>
    at === index ? { ...each, admitted } : each,
  );
  fleet = { ...fleet, instances };
};

async function pages(query: Partial<ListRequest>): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor: string | undefined; ;) {
    const asked = { ...query, ...(cursor !== undefined && { cursor }) } as ListRequest;
    const page = await list(fleet, asked, probe);
    ids.push(...page.instances.map(({ id }) => id));
    if (page.nextCursor === null) return ids;
    cursor = page.nextCursor;
  }
}

const idsOf = (...indices: number[]) => indices.map((index) => `api-000${String(index)}`);

describe('a list of instances', () => {
  it.each([1, 2, 3, 4, 5, 6])('in pages of %d holds each of the live set once', async (limit) => {
    expect(await pages({ limit })).toEqual(idsOf(0, 1, 2, 3, 4));
  });

  it('that fill their page end with it', async () => {
    expect((await list(fleet, { limit: 5 }, probe)).nextCursor).toBeNull();
    expect((await list(fleet, { limit: 4 }, probe)).nextCursor).toBe('api-0003');
  });

  it.each([1, 2, 9])('of those that are down, in pages of %d, holds them all', async (limit) => {
    ill.add(1).add(4);
    change(2, false);
    expect(await pages({ limit, downOnly: true })).toEqual(idsOf(1, 2, 4));
  });

  it('of another set, or of named ones, holds those alone', async () => {
    const green = await pages({ limit: 9, set: 'green' });
    expect(green).toHaveLength(2);
    const ids = [...green.slice(0, 1), ...idsOf(3)];
    expect((await pages({ limit: 9, ids })).sort()).toEqual([...ids].sort());
  });
});

describe('a count of room', () => {
  const counted = (...except: string[]) => room(fleet, { except, spare: 7 }, probe);

  it('counts as down whoever is not both admitted and healthy, of the live set alone', async () => {
    expect(await counted()).toEqual({ listed: SIZE, down: 0, spare: 7 });
    ill.add(0);
    change(1, false);
    expect(await counted()).toEqual({ listed: SIZE, down: 2, spare: 7 });
  });

  it('leaves out those that whoever asks has taken down', async () => {
    ill.add(0).add(2);
    expect(await counted(...idsOf(0, 1))).toEqual({ listed: SIZE, down: 1, spare: 7 });
  });
});
