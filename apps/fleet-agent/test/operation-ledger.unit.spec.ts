import { describe, expect, it } from '@jest/globals';
import { FLEET_LIMITS } from '../src/fleet-agent-limits.js';
import {
  accept,
  EMPTY_LEDGER,
  ended,
  giveWay,
  isCurrent,
  operationOf,
  type Ledger,
} from '../src/fleet/operation-ledger.js';

interface Row {
  id: string;
  beganAtMs: number;
  state: 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'REFUSED';
  reason?: string;
}
type Kept = Ledger<Row>;

const asked = (id: string): Row => ({ id, beganAtMs: 0, state: 'RUNNING' });
const fence = (handOver: number, epoch = 1) => ({ handOver, epoch });
const take = (kept: Kept, id: string, by = fence(1)) => accept<Row, Kept>(kept, asked(id), by);
const begun = (id: string, by = fence(1), kept: Kept = EMPTY_LEDGER) => take(kept, id, by).kept;

describe('a ledger of operations', () => {
  it.each(['SUCCEEDED', 'FAILED'] as const)(
    'answers one that %s, and never begins it again',
    (state) => {
      const kept = ended(begun('a'), 'a', { state, reason: 'so it was' });
      const again = take(kept, 'a');
      expect(again).toMatchObject({ begins: false, state: { id: 'a', state } });
    },
  );

  it('adopts one that runs under a higher fence, which from then on keeps out the lower', () => {
    const adopted = take(begun('a'), 'a', fence(2));
    expect(adopted).toMatchObject({ begins: false, state: { state: 'RUNNING' } });
    expect(take(adopted.kept, 'a', fence(1))).toMatchObject({
      begins: false,
      state: { state: 'REFUSED', fence: fence(2) },
    });
  });

  it('refuses what comes with less, and takes what comes with the same', () => {
    const kept = begun('a', fence(2, 2));
    for (const lower of [fence(1, 9), fence(2, 1)]) {
      expect(take(kept, 'b', lower)).toMatchObject({ begins: false, kept });
    }
    expect(take(kept, 'b', fence(2, 2)).begins).toBe(true);
  });

  it('remembers how earlier ones ended, a bounded number of them', () => {
    let kept: Kept = EMPTY_LEDGER;
    for (let n = 0; n <= FLEET_LIMITS.outcomesKept + 1; n += 1) {
      kept = ended(begun(String(n), fence(1), kept), String(n), { state: 'SUCCEEDED' });
    }
    expect(operationOf(kept, '0')).toBeNull();
    expect(operationOf(kept, '1')).toMatchObject({ state: 'SUCCEEDED' });
    expect(take(kept, '1').begins).toBe(false);
    expect(kept.earlier).toHaveLength(FLEET_LIMITS.outcomesKept);
  });

  it('says of a superseded one by whom: another owner refuses it, the same one fails it', () => {
    const byOther = begun('b', fence(2), begun('a'));
    expect(operationOf(byOther, 'a')).toEqual({ id: 'a', state: 'REFUSED', fence: fence(2) });
    const byUs = begun('b', fence(1), begun('a'));
    expect(operationOf(byUs, 'a')).toEqual({ id: 'a', state: 'FAILED', reason: 'superseded by b' });
  });

  it('keeps the end that was written down: none of a superseded one, and no second', () => {
    const other = begun('b', fence(1), begun('a'));
    expect(ended(other, 'a', { state: 'SUCCEEDED' })).toEqual(other);
    const over = ended(begun('a'), 'a', { state: 'FAILED', reason: 'no' });
    expect(ended(over, 'a', { state: 'SUCCEEDED' })).toEqual(over);
    expect(isCurrent(over, 'a')).toBe(false);
    expect(isCurrent(begun('a'), 'a')).toBe(true);
  });

  it('gives way to something greater, whose fence keeps out what is lower, also when idle', () => {
    const gave = giveWay<Row, Kept>(begun('a'), 'set', fence(3));
    expect(gave.operation).toBeNull();
    expect(operationOf(gave, 'a')).toMatchObject({ state: 'REFUSED' });
    const idle = giveWay<Row, Kept>(EMPTY_LEDGER, 'set', fence(3));
    for (const kept of [gave, idle]) expect(take(kept, 'b', fence(2)).begins).toBe(false);
  });
});
