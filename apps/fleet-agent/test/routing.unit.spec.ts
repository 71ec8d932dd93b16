import { describe, expect, it } from '@jest/globals';
import type { SetRoutes, Share } from '../src/proxy/fleet-routes.js';
import { RoutingTable, type Upstream } from '../src/proxy/routing.js';

const OLD = '1.0.0';
const NEW = '1.1.0';
const NOBODY: ReadonlySet<Upstream> = new Set();

/** So many instances of the old version, then so many of the new. */
function instances(old: number, recent: number): SetRoutes['instances'] {
  return Array.from({ length: old + recent }, (_, index) => ({
    id: `i-${index}`,
    port: 5_000 + index,
    version: index < old ? OLD : NEW,
    admitted: true,
  }));
}

function tableOf(told: SetRoutes['instances'], share: Share | null = null): RoutingTable {
  const table = new RoutingTable();
  table.tell(told, share);
  return table;
}

/** How many of so many requests each instance got, in the order of their ids. */
function spread(table: RoutingTable, requests: number): number[] {
  const got = new Map(table.upstreams.map(({ id }) => [id, 0]));
  for (let count = 0; count < requests; count += 1) {
    const { id = '' } = table.pick(NOBODY) ?? {};
    got.set(id, (got.get(id) ?? 0) + 1);
  }
  return [...got.values()];
}

describe('requests are spread', () => {
  it('evenly over the admitted instances', () => {
    expect(spread(tableOf(instances(3, 1)), 100)).toEqual([25, 25, 25, 25]);
  });

  it.each([1, 5, 10, 33, 50, 99, 100])('so that a share of %d %% is exact', (percentage) => {
    const got = spread(tableOf(instances(9, 1), { version: NEW, percentage }), 1_000);
    expect(got.at(-1)).toBe(percentage * 10);
  });

  it('so that any 100 in a row hold a share of 10 % within one', () => {
    const table = tableOf(instances(2, 1), { version: NEW, percentage: 10 });
    for (let round = 0; round < 50; round += 1) {
      spread(table, 7 * round);
      const [, , named = 0] = spread(table, 100);
      expect(Math.abs(named - 10)).toBeLessThanOrEqual(1);
    }
  });

  it('evenly on either side of a share', () => {
    const got = spread(tableOf(instances(4, 2), { version: NEW, percentage: 20 }), 100);
    expect(got).toEqual([20, 20, 20, 20, 10, 10]);
  });

  it('to the other side while one has no admitted instance', () => {
    const share = { version: NEW, percentage: 10 };
    expect(spread(tableOf(instances(2, 0), share), 10)).toEqual([5, 5]);
    expect(spread(tableOf(instances(0, 2), share), 10)).toEqual([5, 5]);
    const drained = instances(2, 1).map((each) => ({ ...each, admitted: each.version !== NEW }));
    expect(spread(tableOf(drained, share), 100)).toEqual([50, 50, 0]);
  });

  it('by number again when the share is taken back', () => {
    const table = tableOf(instances(3, 1), { version: NEW, percentage: 1 });
    spread(table, 50);
    table.tell(instances(3, 1), null);
    expect(spread(table, 100)).toEqual([25, 25, 25, 25]);
  });

  it('as exactly when the table is told again and again', () => {
    const share = { version: NEW, percentage: 10 };
    const table = tableOf(instances(2, 1), share);
    let named = 0;
    for (let count = 0; count < 100; count += 1) {
      table.tell(instances(2, 1), { ...share });
      if (table.pick(NOBODY)?.version === NEW) named += 1;
    }
    expect(named).toBe(10);
  });
});

describe('a request that an instance failed', () => {
  it('goes to its own side first, then to the other, and costs neither its turn', () => {
    const table = tableOf(instances(1, 2), { version: NEW, percentage: 100 });
    const tried = new Set<Upstream>();
    for (const version of [NEW, NEW, OLD]) {
      const picked = table.pick(tried);
      expect(picked?.version).toBe(version);
      if (picked !== null) tried.add(picked);
    }
    expect(table.pick(tried)).toBeNull();
  });
});

describe('what was seen of an instance', () => {
  it('counts on while it is the same process, and not for the one that follows', () => {
    const table = tableOf(instances(1, 0));
    const before = table.find('i-0');
    table.tell(instances(1, 0), null);
    expect(table.find('i-0')).toBe(before);
    table.tell(
      instances(1, 0).map((each) => ({ ...each, version: NEW })),
      null,
    );
    expect(table.find('i-0')).not.toBe(before);
  });
});

describe('an instance', () => {
  const off = (told: SetRoutes['instances']) => told.map((each) => ({ ...each, admitted: false }));

  it('gets requests again once it is admitted again, and none once it is gone', () => {
    const table = tableOf(instances(1, 0));
    const known = table.find('i-0');
    table.tell(off(instances(1, 0)), null);
    expect(table.pick(NOBODY)).toBeNull();
    table.tell(instances(1, 0), null);
    expect(table.pick(NOBODY)).toBe(known);
    table.tell([], null);
    expect(known?.admitted).toBe(false);
  });

  it('that was taken off is idle with its last request, and keeps no connection then', async () => {
    const table = tableOf(instances(1, 0));
    const known = table.find('i-0') as Upstream;
    let closed = 0;
    known.sockets.destroy = () => (closed += 1);
    const [first, last] = [{ cut: () => undefined }, { cut: () => undefined }];
    known.begin(first);
    known.begin(last);
    table.tell(off(instances(1, 0)), null);
    const idle = known.idle(60_000);
    known.end(first);
    expect([known.underWay, closed]).toEqual([1, 0]);
    known.end(last);
    await idle;
    expect([known.underWay, closed]).toEqual([0, 1]);
  });
});
